import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import jwt from 'jsonwebtoken';
import { createDatabase } from '../../src/adapters/database.js';
import { deriveKeys } from '../../src/lib/derived-key.js';
import { createModels } from '../../src/models/index.js';
import { openPrivateKey } from '../../src/services/key/key-material.js';
import { createTestAuth, type TestAuth, type TestSession, type TestUser } from '../../src/testing.js';
import { member, text } from '../support/answers.js';
import {
  type Answer,
  eventually,
  type LoadedService,
  loadService,
  type ServiceProcess,
  sharedSettings,
  type Tokens,
  tokensOf,
} from '../support/service-process.js';
import { openTarget, targets, type TestTarget } from '../support/test-database.js';
import { membersOf } from '../support/tokens.js';
import { OPERATOR } from '../../src/lib/actor.js';
import { alone } from '../support/root-keys.js';

const ALGORITHM = 'ES256';
/** What is revoked at one process is refused at every other one so soon. */
const SECOND_MS = 1000;
const SHARED = targets.filter((kind) => kind !== 'SQLite in memory');
const REUSED = { status: 400, body: { code: 'refresh_token_reused', error: 'invalid_grant' } };
const REVOKED = { status: 400, body: { code: 'session_revoked', error: 'invalid_grant' } };

describe.each(SHARED)('two processes on %s', (kind) => {
  let target: TestTarget;
  let settings: Readonly<Record<string, string>>;
  let loaded: LoadedService[] = [];
  let one: ServiceProcess;
  let other: ServiceProcess;
  let both: readonly ServiceProcess[];
  let ahead = 0;
  /** A third one in this process, for what has no route yet. */
  let here: TestAuth;
  let user: TestUser;
  let serviceKey: string;

  beforeAll(async () => {
    target = await openTarget(kind);
    settings = sharedSettings(target.url, { ALGORITHM, ROLES: '{"editor":["editor"]}', SESSIONS_PER_USER: '0' });
    loaded = [loadService(settings), loadService(settings)];
    const [first, second] = await Promise.all(loaded.map((service) => service.start()));
    if (first === undefined || second === undefined) throw new TypeError('two were started');
    one = first;
    other = second;
    both = [one, other];
    const clock = { now: () => Date.now() + ahead, elapsed: () => performance.now() + ahead };
    here = await createTestAuth(settings, { clock });
    user = await here.createUser();
    serviceKey = (await here.services.serviceKeys.create({ name: 'a shop', scopes: ['introspect'] })).key;
  });
  afterAll(async () => {
    await Promise.all(loaded.map((service) => service.kill()));
    await here.close();
    await target.drop();
  });

  const advance = async (seconds: number): Promise<void> => {
    ahead += seconds * 1000;
    await Promise.all(both.map((service) => service.advance(seconds)));
  };
  const logIn = async (): Promise<Tokens> => {
    const { username, password } = user;
    return tokensOf(await one.send('POST', '/token', { body: { username, password } }));
  };
  const refreshed = async (at: ServiceProcess, { refresh }: Tokens): Promise<Tokens> => tokensOf(await at.refresh(refresh));
  const keysAt = async (at: ServiceProcess): Promise<string[]> => {
    const keys = member((await at.send('GET', '/.well-known/jwks.json')).body, 'keys');
    if (!Array.isArray(keys)) throw new TypeError('a key set has keys');
    return keys.map((key: unknown) => text(key, 'kid'));
  };

  /** Every way by which an access token may be taken. */
  const takes: Readonly<Record<string, (at: ServiceProcess, token: string) => Promise<boolean>>> = {
    '/users/me': async (at, token) => isTaken(await at.send('GET', '/users/me', { bearer: token })),
    '/verify-token': async (at, token) => isTaken(await at.send('GET', '/verify-token', { bearer: token })),
    '/verify-token/{token}': async (at, token) => isTaken(await at.send('GET', `/verify-token/${token}`)),
    '/introspect': async (at, token) => {
      const { status, body } = await at.send('POST', '/introspect', { bearer: serviceKey, body: { token } });
      expect(status).toBe(200);
      return member(body, 'active') === true;
    },
  };
  const isTaken = ({ status }: Answer): boolean => {
    expect([200, 401]).toContain(status);
    return status === 200;
  };
  const takenBy = async (at: ServiceProcess, token: string): Promise<string[]> => {
    const answers = await Promise.all(Object.entries(takes).map(async ([way, take]) => ((await take(at, token)) ? [way] : [])));
    return answers.flat();
  };
  /** Asks until no way takes the token: whatever was sent a second or more after `since` must find it refused. */
  const expectRefusedInTime = async (at: ServiceProcess, token: string, since: number): Promise<void> => {
    for (;;) {
      const sent = performance.now();
      const taken = await takenBy(at, token);
      if (taken.length === 0) return;
      expect({ taken, late: Math.max(0, sent - since - SECOND_MS) }).toEqual({ taken, late: 0 });
    }
  };
  const expectGone = async ({ access, refresh }: Tokens): Promise<void> => {
    const since = performance.now();
    for (const at of both) {
      expect(await at.refresh(refresh)).toMatchObject(REVOKED);
      await expectRefusedInTime(at, access, since);
    }
  };

  test('that start at once on an empty database share one key, and take each other’s tokens', async () => {
    const keys = await keysAt(one);
    expect(keys).toHaveLength(1);
    expect(await keysAt(other)).toEqual(keys);
    const { access, refresh } = await logIn();
    expect(await takenBy(other, access)).toEqual(Object.keys(takes));
    expect(await takenBy(one, tokensOf(await other.refresh(refresh)).access)).toEqual(Object.keys(takes));
  });

  test('give 50 that refresh with one token at once one successor', async () => {
    const { refresh } = await logIn();
    const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? one : other).refresh(refresh)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 200));
    expect(new Set(answers.map((answer) => tokensOf(answer).refresh)).size).toBe(1);
    for (const answer of answers.slice(0, 4))
      expect(await Promise.all(both.map((at) => at.me(tokensOf(answer).access)))).toEqual([200, 200]);
  });

  test('answer once more, at the other and an hour later, what was lost; and take the old token for stolen once its successor was seen', async () => {
    const first = await logIn();
    const lost = await refreshed(one, first);
    await advance(3600);
    const again = await refreshed(other, first);
    expect(again.refresh).toBe(lost.refresh);

    expect(await one.me(again.access)).toBe(200);
    const { id } = user;
    const used = async (): Promise<number> => {
      const { items } = await here.services.sessions.list(id, { limit: 100 });
      return items.find((session) => again.refresh.startsWith(session.id))?.last_used_at.getTime() ?? 0;
    };
    // What `one` saw is written behind its answer.
    await eventually(async () => (await used()) > Date.now() + ahead - 1800_000);
    await advance(31);
    expect(await other.refresh(first.refresh)).toMatchObject(REUSED);
    await expectGone(again);
  });

  test('take a token from before the last one for stolen after its grace, wherever its successors were used', async () => {
    const first = await logIn();
    const second = await refreshed(one, first);
    const third = await refreshed(other, second);
    expect((await refreshed(one, first)).refresh).toBe(third.refresh);
    await advance(31);
    expect(await one.refresh(first.refresh)).toMatchObject(REUSED);
    await expectGone(second);
    await expectGone(third);
  });

  const endings: readonly [string, (session: Tokens, sid: string) => Promise<Answer>][] = [
    ['POST /logout', ({ access }) => one.send('POST', '/logout', { bearer: access })],
    ['POST /revoke of its refresh token', ({ refresh }) => one.send('POST', '/revoke', { body: { token: refresh } })],
    [
      'DELETE /users/me/sessions/{id} by another session',
      async (_, sid) => one.send('DELETE', `/users/me/sessions/${sid}`, { bearer: (await logIn()).access }),
    ],
  ];
  test.each(endings)('refuse the tokens of a session that %s has ended: there at once, elsewhere within a second', async (_, end) => {
    const session = await logIn();
    for (const at of both) expect(await takenBy(at, session.access)).toEqual(Object.keys(takes));
    expect((await end(session, session.refresh.split('.')[0] ?? '')).status).toBeLessThan(300);
    const since = performance.now();
    expect(await takenBy(one, session.access)).toEqual([]);
    await expectRefusedInTime(other, session.access, since);
    for (const at of both) {
      expect(await at.refresh(session.refresh)).toMatchObject(REVOKED);
      expect(await takes['/introspect']?.(at, session.refresh)).toBe(false);
    }
  });

  test('both learn within a second that a user’s roles have changed: the session goes on with the new ones', async () => {
    const session = await logIn();
    await here.services.admin.change(user.id, { roles: ['user', 'editor'] }, OPERATOR);
    const since = performance.now();
    await Promise.all(both.map((at) => expectRefusedInTime(at, session.access, since)));
    const answer = await other.refresh(session.refresh);
    expect(answer.body).toMatchObject({ scope: 'user editor' });
    for (const at of both) expect(await takenBy(at, tokensOf(answer).access)).toEqual(Object.keys(takes));
  });

  /** Refreshes until that is refused, while the session is revoked at the other process: every token that came out. */
  const race = async ({ accessToken, refreshToken }: TestSession, round: number): Promise<Tokens[]> => {
    const [near, far] = round % 2 === 0 ? [one, other] : [other, one];
    const given: Tokens[] = [{ access: accessToken, refresh: refreshToken }];
    const refreshing = async (last: string): Promise<void> => {
      const answer = await near.refresh(last);
      if (answer.status !== 200) {
        expect(answer).toMatchObject(REVOKED);
        return;
      }
      const tokens = tokensOf(answer);
      given.push(tokens);
      await refreshing(tokens.refresh);
    };
    const revoke = (token: string) => far.send('POST', '/revoke', { body: { token } });
    if (round % 4 < 2) {
      await Promise.all([refreshing(refreshToken), revoke(accessToken)]);
      return given;
    }
    const first = await refreshed(near, { access: accessToken, refresh: refreshToken });
    given.push(first);
    await Promise.all([refreshing(first.refresh), revoke(first.refresh)]);
    return given;
  };

  test('leave nothing of a session that is revoked while it is refreshed, 200 times', async () => {
    const given: Tokens[] = [];
    const sessions: TestSession[] = [];
    for (let made = 0; made < 200; made += 1) sessions.push(await here.session(user));
    const races = async (): Promise<void> => {
      for (let session = sessions.pop(); session !== undefined; session = sessions.pop())
        given.push(...(await race(session, sessions.length)));
    };
    await Promise.all([races(), races(), races()]);
    const since = performance.now();
    await eventually(() => performance.now() - since > SECOND_MS);

    // What the races began with, and what half of them brought out before.
    expect(given.length).toBeGreaterThanOrEqual(300);
    const survivors: Tokens[] = [];
    const check = async (): Promise<void> => {
      for (let tokens = given.pop(); tokens !== undefined; tokens = given.pop()) {
        const { access, refresh } = tokens;
        const statuses = await Promise.all([one.me(access), other.me(access)]);
        const answer = await (given.length % 2 === 0 ? one : other).refresh(refresh);
        if (statuses.some((status) => status !== 401) || answer.status !== 400) survivors.push(tokens);
      }
    };
    await Promise.all(Array.from({ length: 8 }, check));
    expect(survivors).toEqual([]);
  }, 60_000);

  /** A token of now under a key that was read from the database, as only its owner could make one. */
  const forge = async (kid: string): Promise<string> => {
    const database = createDatabase(target.target);
    const row = await createModels(database.sequelize).SigningKey.findByPk(kid, { rejectOnEmpty: true });
    await database.close();
    const claims = membersOf((await logIn()).access.split('.')[1] ?? '');
    const key = openPrivateKey(deriveKeys(alone(settings['ROOT_KEY'] ?? ''), 'signing keys at rest'), row);
    return jwt.sign(claims, key, { algorithm: ALGORITHM, header: { alg: ALGORITHM, typ: 'at+jwt', kid } });
  };
  const kidOf = ({ access }: Tokens): string => text(membersOf(access.split('.')[0] ?? ''), 'kid');

  test('change their key under steady load without one refusal, and refuse the old one after one life of a token', async () => {
    const [old = ''] = await keysAt(one);
    let stopped = false;
    const refusals: Answer[] = [];
    const load = async (): Promise<Tokens> => {
      let tokens = await logIn();
      for (let round = 0; !stopped; round += 1) {
        const [near, far] = round % 2 === 0 ? [one, other] : [other, one];
        const answers = await Promise.all(both.map((at) => at.send('GET', '/users/me', { bearer: tokens.access })));
        refusals.push(...answers.filter(({ status }) => status !== 200));
        tokens = await refreshed(near, tokens);
        const me = await far.send('GET', '/users/me', { bearer: tokens.access });
        if (me.status !== 200) refusals.push(me);
      }
      return tokens;
    };
    const loads = [load(), load()];
    const { kid } = await here.services.keys.rotate({ atOnce: false });
    await eventually(async () => (await Promise.all(both.map(keysAt))).every((keys) => keys.includes(kid)));
    // In steps by which clocks may differ.
    for (let step = 0; step < 23; step += 1) await advance(3);
    await eventually(async () => kidOf(await logIn()) === kid);
    stopped = true;
    const kids = (await Promise.all(loads)).map(kidOf);
    expect(refusals).toEqual([]);
    expect(kids).toEqual([kid, kid]);

    const isGood = async (): Promise<number[]> => {
      const token = await forge(old);
      return Promise.all(both.map((at) => at.me(token)));
    };
    expect(await isGood()).toEqual([200, 200]);
    await advance(30 * 60 + 60);
    expect(await Promise.all(both.map(keysAt))).toEqual([[kid], [kid]]);
    expect(await isGood()).toEqual([401, 401]);
    expect(await Promise.all([one.me((await logIn()).access), other.me((await logIn()).access)])).toEqual([200, 200]);
  });
});
