import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import supertest from 'supertest';
import { movableClock, type MovableClock } from '../../src/lib/clock.js';
import { StartError } from '../../src/errors/start-error.js';
import { createTestAuth, type TestAuth, type TestUser } from '../../src/testing.js';
import { member } from '../support/answers.js';
import { CLIENT } from '../support/client.js';
import { commandLineIn } from '../support/command-line.js';
import { useProcesses } from '../support/process.js';
import { sharedSettings } from '../support/service-process.js';
import { useTempFolder } from '../support/temp-folder.js';
import { openTarget, targets, type TestTarget } from '../support/test-database.js';

const folder = useTempFolder();
const run = commandLineIn(folder, useProcesses());
const randomKey = (): string => randomBytes(64).toString('base64url');
const kinds = targets.filter((kind) => kind !== 'SQLite in memory');
const [A, B] = [randomKey(), randomKey()];

let target: TestTarget;
let clock: MovableClock;
let settings: Readonly<Record<string, string>>;
let open: TestAuth[] = [];
const start = async (keys: Record<string, string>): Promise<TestAuth> => {
  const auth = await createTestAuth({ ...settings, ...keys }, { clock });
  open.push(auth);
  return auth;
};
const stop = async (): Promise<void> => {
  await Promise.all(open.map((auth) => auth.close()));
  open = [];
};
const ROTATED = { ROOT_KEY: B, ROOT_KEY_PREVIOUS: A };
const taken = (asking: Promise<unknown>): Promise<boolean> =>
  asking.then(
    () => true,
    () => false,
  );

describe.each(kinds)('on %s, a rotation of ROOT_KEY', (kind) => {
  beforeEach(async () => {
    target = await openTarget(kind);
    clock = movableClock(Date.UTC(2026, 5, 1, 12));
    settings = sharedSettings(target.url, { ALGORITHM: 'ES256' });
  });
  afterEach(async () => {
    await stop();
    await target.drop();
  });

  /** Everything that a root key makes, made by that service. */
  const make = async (auth: TestAuth, user: TestUser) => {
    const session = await auth.session(user);
    const codes = await supertest(auth.app)
      .post('/users/me/recovery-codes')
      .set('Authorization', `Bearer ${session.accessToken}`)
      .send({ current_password: user.password });
    const recoveryCodes = member(codes.body, 'codes');
    const logIn = await supertest(auth.app).post('/token').send({ username: user.username, password: user.password });
    const cookies: unknown = logIn.headers['set-cookie'];
    return {
      session,
      code: Array.isArray(recoveryCodes) ? String(recoveryCodes[0]) : '',
      device: Array.isArray(cookies) ? String(cookies.find((cookie) => String(cookie).includes('device'))).split(';')[0] : '',
      serviceKey: (await auth.services.serviceKeys.create({ name: 'shop', scopes: ['introspect'] })).key,
      mailed: (await auth.mails(`${user.username}@example.com`))[0]?.token ?? '',
    };
  };
  type Made = Awaited<ReturnType<typeof make>>;

  /** Which of those still work, at that service. */
  const works = async (auth: TestAuth, user: TestUser, made: Made): Promise<Record<string, boolean>> => {
    const worked = {
      accessToken: await taken(auth.services.sessions.authenticate(made.session.accessToken)),
      serviceKey: await taken(auth.services.serviceKeys.authenticate(made.serviceKey)),
      mail: made.mailed !== '' && (await auth.mails(`${user.username}@example.com`)).some(({ token }) => token === made.mailed),
      oneTimeToken: await taken(
        // By the user themself: another one would leave them no recovery code.
        auth.services.users.verifyEmail(made.mailed, {
          caller: { kind: 'nobody' },
          refreshToken: made.session.refreshToken,
          client: CLIENT,
        }),
      ),
    };
    // Last, as it ends every session.
    const reset = await supertest(auth.app)
      .post('/password/reset')
      .send({ username: user.username, recovery_code: made.code, new_password: 'another password of my own' });
    return { ...worked, recoveryCode: reset.status === 204 };
  };
  const newUser = (auth: TestAuth, username: string): Promise<TestUser> => auth.createUser({ username, email: `${username}@example.com` });

  it('opens and verifies what the previous key made, and makes everything new under the new one', async () => {
    const first = await start({ ROOT_KEY: A });
    const ada = await newUser(first, 'ada');
    const ofA = await make(first, ada);
    const bob = await first.createUser({ username: 'bob' });
    const bobs = await first.session(bob);
    await first.services.backups.make(folder.file('backup'));
    await stop();

    const second = await start(ROTATED);
    expect(await taken(second.services.sessions.refresh(bobs.refreshToken, CLIENT))).toBe(true);
    expect(await works(second, ada, ofA)).toEqual({
      accessToken: true,
      serviceKey: true,
      mail: true,
      oneTimeToken: true,
      recoveryCode: true,
    });
    expect(await second.services.audit.verify()).toMatchObject({ intact: true });
    await expect(second.services.backups.verifySeal(folder.file('backup'), 'backup', { unsealed: false })).resolves.toBeGreaterThan(0);
    const types = (await second.services.audit.list({}, { limit: 100 })).items.map(({ type }) => type);
    expect(types.filter((type) => type === 'root_key.replaced')).toHaveLength(1);
    const carol = await newUser(second, 'carol');
    const ofB = await make(second, carol);
    await stop();

    const third = await start({ ROOT_KEY: B });
    expect(await works(third, carol, ofB)).toEqual({
      accessToken: true,
      serviceKey: true,
      mail: true,
      oneTimeToken: true,
      recoveryCode: true,
    });
    await expect(third.services.backups.verifySeal(folder.file('backup'), 'backup', { unsealed: false })).rejects.toThrow(
      /another ROOT_KEY/,
    );
  });

  it('refuses what the previous key made once that key is dropped', async () => {
    const first = await start({ ROOT_KEY: A });
    const ada = await newUser(first, 'ada');
    const ofA = await make(first, ada);
    await stop();
    await start(ROTATED);
    await stop();
    const third = await start({ ROOT_KEY: B });
    expect(await taken(third.services.sessions.refresh(ofA.session.refreshToken, CLIENT))).toBe(false);
    // The key pair that signs was sealed anew, so that access tokens go on.
    expect(await works(third, ada, ofA)).toEqual({
      accessToken: true,
      serviceKey: false,
      mail: false,
      oneTimeToken: false,
      recoveryCode: false,
    });
    expect(await third.services.audit.verify()).toMatchObject({ intact: false });
  });

  it('recognises the device cookie of the previous key, and issues the next under the new one', async () => {
    const first = await start({ ROOT_KEY: A });
    const ada = await newUser(first, 'ada');
    const { device = '' } = await make(first, ada);
    await stop();
    const second = await start(ROTATED);
    const again = await supertest(second.app).post('/token').set('Cookie', device).send({ username: 'ada', password: ada.password });
    const renewed = String(again.headers['set-cookie']);
    const nameOf = (cookie: string): string | undefined => /device=([^.]+)\./.exec(cookie)?.[1];
    expect(nameOf(renewed)).toBe(nameOf(device));
    expect(nameOf(device)).toBeDefined();
  });
});

describe.each(kinds)('on %s, a start', (kind) => {
  beforeEach(async () => {
    target = await openTarget(kind);
    clock = movableClock(Date.UTC(2026, 5, 1, 12));
    settings = sharedSettings(target.url);
  });
  afterEach(async () => {
    await stop();
    await target.drop();
  });

  it('with another ROOT_KEY is refused, by every command too, until accept-root-key is run', async () => {
    const first = await start({ ROOT_KEY: A });
    const ada = await first.createUser({ username: 'ada' });
    await stop();
    const other = { ...settings, ROOT_KEY: B };
    await expect(createTestAuth(other, { clock })).rejects.toThrow(StartError);
    const expected = /^start_failed: ROOT_KEY is not the one that this database was used with\. .*keys accept-root-key\n$/;
    for (const command of ['sessions list', 'admin grant ada', `backup ${folder.file('copy')}`])
      expect(await run(command, other)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(expected) });
    const doctor = await run('doctor', other);
    expect(doctor).toMatchObject({ code: 1, stdout: expect.stringMatching(/^fail +root-key +ROOT_KEY is not the one/m) });
    expect(await run('keys accept-root-key', other)).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('recovery codes, service keys'),
    });
    const next = await start({ ROOT_KEY: B });
    await expect(next.session(ada)).resolves.toBeDefined();
    await stop();
    await expect(start({ ROOT_KEY: A })).rejects.toThrow(StartError);
  });

  it('of several processes at once, the first ever or after a rotation, agrees on one fingerprint', async () => {
    await Promise.all([1, 2, 3].map(() => start({ ROOT_KEY: A })));
    await stop();
    const rotated = await Promise.all([1, 2, 3].map(() => start(ROTATED)));
    const events = (await rotated[0]?.services.audit.list({}, { limit: 100 }))?.items ?? [];
    expect(events.filter(({ type }) => type === 'root_key.replaced')).toHaveLength(1);
  });
});
