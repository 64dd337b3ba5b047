import { afterAll, beforeAll, expect, it, describe } from '@jest/globals';
import type { TestUser } from '../../src/testing.js';
import { expectProblem, member } from '../support/answers.js';
import { mailedToken, purposesTo } from '../support/mailed.js';
import { createStoredApp, type StoredApp } from '../support/stored-app.js';

const TYPED = 'ada@bücher.example';
const ASCII = 'ada@xn--bcher-kva.example';
const PASSWORD = 'correct horse battery staple';

let auth: StoredApp;
let admin: string;
let count = 0;
let ada: TestUser;
beforeAll(async () => {
  auth = await createStoredApp();
  admin = await auth.token(await auth.createUser({ username: 'root', roles: ['user', 'admin'] }));
  ada = await auth.createUser({ username: 'ada', password: PASSWORD, email: TYPED, emailVerified: true });
});
afterAll(() => auth.close());

const bearing = (token: string) => ({ Authorization: `Bearer ${token}` });
const listIn = (body: unknown): unknown[] => {
  const data = member(body, 'data');
  return Array.isArray(data) ? data : [];
};
const logIn = (username: string) => auth.http().post('/token').send({ username, password: PASSWORD });

describe('one mailbox with its domain in U-labels and in A-labels', () => {
  it.each([TYPED, ASCII, 'ADA@BÜCHER.EXAMPLE', 'Ada@XN--bcher-KVA.example'])('logs in as %s', async (username) => {
    expect(member((await logIn(username)).body, 'user', 'id')).toBe(ada.id);
  });

  it('is claimed by a second account, which cannot verify it', async () => {
    const notices = async (): Promise<number> => (await purposesTo(auth, TYPED)).filter((purpose) => purpose === 'email_claimed').length;
    await auth.http().post('/register').send({ username: 'bob', password: PASSWORD, email: ASCII }).expect(201);
    expect(await notices()).toBe(1);
    const carol = await auth.token(await auth.createUser({ username: 'carol' }));
    await auth.http().patch('/users/me').set(bearing(carol)).send({ email: ASCII }).expect(200);
    expect(await notices()).toBe(2);
    await auth.http().post('/admin/users').set(bearing(admin)).send({ username: 'dora', email: ASCII }).expect(201);
    const verified = await auth.users.findAll({ where: { verified_email_fold: ASCII } });
    expect(verified.map(({ username, email }) => [username, email])).toEqual([['ada', TYPED]]);
  });

  it('is sent its mail as it was typed, and asked for a reset by either spelling', async () => {
    for (const identifier of [TYPED, ASCII]) await auth.http().post('/password/forgot').send({ identifier }).expect(202);
    const resets = (await auth.mails(ASCII)).filter(({ purpose }) => purpose === 'password_reset');
    expect(resets.map(({ to }) => to)).toEqual([TYPED, TYPED]);
  });

  it.each([TYPED, ASCII, 'ada@büc', 'ada@bücher', 'ada@xn--bch', 'ada@bücher.exam'])(
    'is found in the mailbox and in a search for %s',
    async (q) => {
      const found = await auth.http().get('/admin/users').query({ q }).set(bearing(admin));
      const names = listIn(found.body).map((user) => member(user, 'username'));
      // Of a label that is not whole there is no A-label form.
      expect(names.includes('ada')).toBe(q !== 'ada@büc');
      const mails = await auth.http().get('/dev/mailbox').query({ to: q });
      expect(listIn(mails.body).length > 0).toBe(q === TYPED || q === ASCII);
    },
  );

  it.each([ASCII, 'ADA@BÜCHER.EXAMPLE'])('stays verified where an administrator spells it %s', async (email) => {
    const response = await auth.http().patch(`/admin/users/${ada.id}`).set(bearing(admin)).send({ email });
    expect(response.status).toBe(200);
    expect(response.body).toMatchObject({ email_verified: true, pending_email: null });
    for (const username of [TYPED, ASCII]) expect(member((await logIn(username)).body, 'user', 'id')).toBe(ada.id);
    await auth.http().patch(`/admin/users/${ada.id}`).set(bearing(admin)).send({ email: TYPED }).expect(200);
  });

  it('is not verified for another account to which an administrator gives it in the other spelling', async () => {
    const hugo = await auth.createUser({ username: 'hugo', password: 'another passphrase altogether' });
    const response = await auth.http().patch(`/admin/users/${hugo.id}`).set(bearing(admin)).send({ email: ASCII });
    expect(response.status).toBe(200);
    expect(response.body).toMatchObject({ email: ASCII, email_verified: false });
    expect(member((await logIn(ASCII)).body, 'user', 'id')).toBe(ada.id);
    await auth.http().post('/password/forgot').send({ identifier: ASCII }).expect(202);
    const [reset] = (await auth.mails(ASCII)).filter(({ purpose }) => purpose === 'password_reset');
    expect(reset).toMatchObject({ to: TYPED });
  });

  it('is verified once in an import', async () => {
    const lines = [
      { username: 'erin', email: 'erin@bücher.example', email_verified: true },
      { username: 'finn', email: 'erin@xn--bcher-kva.example', email_verified: true },
      { username: 'gina', email: ASCII, email_verified: true },
    ];
    const body = lines.map((line) => JSON.stringify(line)).join('\n');
    const request = auth.http().post('/admin/users/import').set(bearing(admin)).set('Content-Type', 'application/x-ndjson');
    const answer = await request.serialize(String).send(body);
    expect(answer.text.match(/"created"/g)).toHaveLength(3);
    const users = await auth.users.findAll({ where: { username: ['erin', 'finn', 'gina'] }, order: ['id'] });
    expect(users.map(({ verified_email_fold }) => verified_email_fold)).toEqual(['erin@xn--bcher-kva.example', null, null]);
  });

  it('has one count of mails and one of failures', async () => {
    const limited = await createStoredApp({ RATE_LIMIT: 'on', LIMIT_MAILS_PER_ACCOUNT: '2', LIMIT_FAILURES_PER_ACCOUNT: '2' });
    const statuses: number[] = [];
    for (const [at, email] of [TYPED, ASCII, TYPED].entries()) {
      statuses.push(
        (
          await limited
            .http()
            .post('/register')
            .send({ username: `user-${at}`, password: PASSWORD, email })
        ).status,
      );
    }
    expect(statuses).toEqual([201, 201, 429]);
    const failures: number[] = [];
    for (const username of ['eve@bücher.example', 'eve@xn--bcher-kva.example', 'eve@bücher.example']) {
      failures.push((await limited.http().post('/token').send({ username, password: 'wrong' })).status);
    }
    expect(failures).toEqual([401, 401, 429]);
    await limited.close();
  });
});

describe('POST /register', () => {
  it.each(["o'neil@example.com", 'ada+tag@example.com', 'ада@пример.example', 'a!#$%&*/=?^`{|}~@example.com'])(
    'takes the address %s',
    async (email) => {
      const username = `user-${(count += 1)}`;
      await auth.http().post('/register').send({ username, password: PASSWORD, email }).expect(201);
      expect(
        (
          await auth
            .http()
            .post('/email/verify')
            .send({ token: await mailedToken(auth, email, 'email_verification') })
        ).status,
      ).toBe(204);
    },
  );

  it.each([
    'ada@exam\u034fple.com',
    'ad\ufe0fa@example.com',
    'ada@xn--a.example',
    '"ada"@example.com',
    'ada@[127.0.0.1]',
    'ada@example.com, eve@example.com',
  ])('returns 422 format for the address %j', async (email) => {
    const refused = await auth.http().post('/register').send({ username: 'refused', password: PASSWORD, email });
    expectProblem(refused, 422, 'validation_failed', { errors: [['email', 'format']] });
  });
});
