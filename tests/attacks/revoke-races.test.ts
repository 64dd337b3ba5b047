import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import { loadConfig } from '../../config/index.js';
import { createHasher, type Hasher } from '../../src/adapters/hasher.js';
import { AppError } from '../../src/errors/app-error.js';
import type { Grant } from '../../src/services/session/session.service.js';
import type { TestUser } from '../../src/testing.js';
import { CLIENT } from '../support/client.js';
import { seededRandom } from '../support/random.js';
import { callsOf, type SessionCalls, type Tokens, tokensOf } from '../support/session-calls.js';
import { createTestApp, type TestApp } from '../support/test-app.js';
import { OPERATOR } from '../../src/lib/actor.js';

const NEW_PASSWORD = 'another password for tests';

let auth: TestApp;
let calls: SessionCalls;
/** Set to have the next password compared, and its answer held back until that resolves. */
let hold: { readonly compared: () => void; readonly until: Promise<void> } | undefined;
beforeAll(async () => {
  const hasher = createHasher(loadConfig({ BCRYPT_ROUNDS: 4, DATABASE_URL: 'sqlite::memory:' }).password);
  const slow: Hasher = {
    ...hasher,
    matches: async (comparison) => {
      const held = hold;
      hold = undefined;
      const matches = await hasher.matches(comparison);
      held?.compared();
      await held?.until;
      return matches;
    },
  };
  const roles = Object.fromEntries(Array.from({ length: 25 }, (_, time) => [`role-${time}`, [`role-${time}`]]));
  auth = await createTestApp({ ROLES: JSON.stringify(roles) }, { hasher: slow });
  calls = await callsOf(auth);
});
afterAll(() => auth.close());

const random = seededRandom(20261125);
/** A refresh takes about half as many turns of the event loop. */
const SOME = 40;
/** Lets a few other things happen first, so that two that race meet at another place each time. */
const after = async <T>(turns: number, work: () => Promise<T>): Promise<T> => {
  for (let passed = 0; passed < turns; passed += 1) await turn();
  return work();
};
/** What it gave, or the code of its refusal. */
const outcome = <T>(work: Promise<T>): Promise<T | string> =>
  work.catch((error: unknown) => {
    if (error instanceof AppError) return error.code;
    throw error;
  });

const logIn = ({ username, password }: TestUser): Promise<Grant> => auth.services.auth.logIn({ username, password }, CLIENT);
const changePassword = async (user: TestUser, by: Tokens): Promise<void> => {
  const body = { current_password: user.password, new_password: NEW_PASSWORD };
  await auth.http().put('/users/me/password').set('Authorization', `Bearer ${by.accessToken}`).send(body).expect(204);
};

/** A log-in that has compared the password, and goes on once it is released. */
async function comparing(user: TestUser): Promise<{ given: Promise<Grant | string>; release: () => void }> {
  const [compared, until] = [latch(), latch()];
  hold = { compared: compared.open, until: until.opened };
  const given = outcome(logIn(user));
  await compared.opened;
  return { given, release: until.open };
}
function latch(): { opened: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((done) => {
    open = done;
  });
  return { opened, open };
}

describe('a log-in whose password is being compared', () => {
  /** A log-in that has compared the password, and goes on only after `then`. */
  const overtaken = async (user: TestUser, then: () => Promise<unknown>): Promise<Grant | string> => {
    const { given, release } = await comparing(user);
    await then();
    release();
    return given;
  };

  test('opens no session where the password was changed meanwhile', async () => {
    const user = await auth.createUser();
    const own = await auth.session(user);
    expect(await overtaken(user, () => changePassword(user, own))).toBe('invalid_credentials');
    await calls.expectAlive(own);
    expect(await outcome(logIn({ ...user, password: NEW_PASSWORD }))).toMatchObject({ scope: 'user' });
  });

  test('opens none where the user was disabled, or deleted, meanwhile', async () => {
    const [disabled, deleted] = [await auth.createUser(), await auth.createUser()];
    expect(await overtaken(disabled, () => auth.services.admin.change(disabled.id, { disabled: true }, OPERATOR))).toBe('account_disabled');
    const own = await auth.session(deleted);
    const remove = () =>
      auth
        .http()
        .delete('/users/me')
        .set('Authorization', `Bearer ${own.accessToken}`)
        .send({ current_password: deleted.password })
        .expect(204);
    expect(await overtaken(deleted, async () => remove())).toBe('invalid_credentials');
  });

  test('has the roles that its user has by then', async () => {
    const user = await auth.createUser();
    expect(await overtaken(user, () => auth.services.admin.change(user.id, { roles: ['admin'] }, OPERATOR))).toMatchObject({
      scope: 'admin',
    });
  });
});

/** Nothing that a log-in gave is taken any more. */
const expectNothingLeft = async (given: Grant | string): Promise<void> => {
  if (typeof given === 'string') return;
  expect(await calls.isTaken('/users/me', given.accessToken)).toBe(false);
  expect(await calls.isTaken('/introspect', given.refreshToken)).toBe(false);
};

describe('two at once, at one place after another', () => {
  const TIMES = Array.from({ length: 8 }, (_, time) => time);

  test('a log-in and a password change: no session of the old password survives', async () => {
    for (const _time of TIMES) {
      const user = await auth.createUser();
      const own = await auth.session(user);
      const [given] = await Promise.all([outcome(logIn(user)), changePassword(user, own)]);
      await expectNothingLeft(given);
      expect(await calls.isTaken('/users/me', own.accessToken)).toBe(true);
    }
  });

  test('a log-in and the disabling of its user: no session survives', async () => {
    for (const _time of TIMES) {
      const user = await auth.createUser();
      const { given, release } = await comparing(user);
      await Promise.all([
        after(random.below(SOME), () => Promise.resolve()).then(release),
        after(random.below(SOME), () => auth.services.admin.change(user.id, { disabled: true }, OPERATOR)),
      ]);
      await expectNothingLeft(await given);
    }
  });

  test('a refresh and the disabling of its user: no token survives', async () => {
    for (const _time of TIMES) {
      const user = await auth.createUser();
      const { refreshToken } = await auth.session(user);
      const [given] = await Promise.all([
        outcome(auth.services.sessions.refresh(refreshToken, CLIENT)),
        after(random.below(SOME), () => auth.services.admin.change(user.id, { disabled: true }, OPERATOR)),
      ]);
      await expectNothingLeft(given);
    }
  });

  test('a refresh and a change of roles: no token of the old scope is taken afterwards, and one of the new is', async () => {
    const user = await auth.createUser();
    let tokens: Tokens = await auth.session(user);
    const issued: Tokens[] = [tokens];
    for (let time = 0; time < 25; time += 1) {
      const role = `role-${time}`;
      const newest = tokens.refreshToken;
      const given = await Promise.all([
        ...[1, 2, 3].map(() => after(random.below(SOME), () => auth.services.sessions.refresh(newest, CLIENT))),
        after(random.below(SOME), async () => auth.services.admin.change(user.id, { roles: [role] }, OPERATOR)).then(() => undefined),
      ]);
      issued.push(...given.flatMap((grant) => (grant === undefined ? [] : [grant])));
      tokens = await auth.services.sessions.refresh(newest, CLIENT);
      issued.push(tokens);
      const taken = await Promise.all(issued.slice(-8).map(({ accessToken }) => auth.services.sessions.inspect(accessToken)));
      expect(new Set(taken.flatMap((facts) => (facts === undefined ? [] : [facts.scope])))).toEqual(new Set([role]));
    }
    for (const { accessToken } of issued) {
      const { text: told } = await calls.introspect(accessToken);
      expect(told).toMatch(/^{"active":false}$|"scope":"role-24"/);
    }
  });

  const ENDINGS: [string, (user: TestUser, tokens: Tokens) => Promise<unknown>][] = [
    [
      'a revocation by its refresh token',
      (_user, { refreshToken }) => auth.services.sessions.revoke(refreshToken, { kind: 'nobody' }, CLIENT),
    ],
    [
      'a revocation by its access token',
      (_user, { accessToken }) => auth.services.sessions.revoke(accessToken, { kind: 'nobody' }, CLIENT),
    ],
  ];
  test.each(ENDINGS)('a refresh and %s, 100 times: nothing survives', async (_what, end) => {
    const user = await auth.createUser();
    const survivors: string[] = [];
    for (let time = 0; time < 100; time += 1) {
      const session = await auth.session(user);
      const refresh = (): Promise<Grant | string> => outcome(auth.services.sessions.refresh(session.refreshToken, CLIENT));
      const given = await Promise.all([refresh(), after(random.below(SOME), () => end(user, session)).then(() => '')]);
      for (const grant of [session, ...given]) {
        if (typeof grant === 'string') continue;
        if (await auth.services.sessions.inspect(grant.accessToken)) survivors.push(`access token, ${time}`);
        if (await auth.services.sessions.inspect(grant.refreshToken)) survivors.push(`refresh token, ${time}`);
      }
      expect(await refresh()).toBe('session_revoked');
    }
    expect(survivors).toEqual([]);
  });

  test('a refresh and a log-out over HTTP: nothing survives', async () => {
    const user = await auth.createUser();
    for (const _time of TIMES) {
      const { accessToken, refreshToken } = await auth.session(user);
      const [refreshed] = await Promise.all([
        calls.refresh(refreshToken),
        auth.http().post('/logout').set('Authorization', `Bearer ${accessToken}`).expect(204),
      ]);
      if (refreshed.status === 200) await calls.expectEnded(tokensOf(refreshed));
      await calls.expectEnded({ accessToken, refreshToken });
    }
  });
});
