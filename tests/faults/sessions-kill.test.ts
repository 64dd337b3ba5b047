import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  type Answer,
  type LoadedService,
  loadService,
  type ServiceProcess,
  sharedSettings,
  type Tokens,
  tokensOf,
} from '../support/service-process.js';
import { openTarget, targets, type TestTarget } from '../support/test-database.js';

const CREDENTIALS = { username: 'ada', password: 'a password of my own' };
const REVOKED = { status: 400, body: { code: 'session_revoked' } };

describe.each(targets.filter((kind) => kind !== 'SQLite in memory'))('kill -9 of a service on %s', (kind) => {
  let target: TestTarget;
  let settings: Readonly<Record<string, string>>;
  /** Those that wait: the next one has been loaded by the time it is needed. */
  let waiting: LoadedService[];
  let service: ServiceProcess;

  beforeAll(async () => {
    target = await openTarget(kind);
    settings = sharedSettings(target.url);
    waiting = [loadService(settings), loadService(settings)];
    await startNext();
    expect((await service.send('POST', '/register', { body: CREDENTIALS })).status).toBe(201);
  });
  afterAll(async () => {
    await service.kill();
    await Promise.all(waiting.map((one) => one.kill()));
    await target.drop();
  });

  const startNext = async (): Promise<void> => {
    const next = waiting.shift() ?? loadService(settings);
    waiting.push(loadService(settings));
    service = await next.start();
  };
  const killAndStartAgain = async (): Promise<void> => {
    await service.kill();
    await startNext();
  };
  const logIn = async (): Promise<Tokens> => tokensOf(await service.send('POST', '/token', { body: CREDENTIALS }));

  test('right after a session was ended: it stays so', async () => {
    const endings: readonly ((session: Tokens) => Promise<Answer>)[] = [
      ({ access }) => service.send('POST', '/logout', { bearer: access }),
      ({ access }) => service.send('POST', '/revoke', { body: { token: access } }),
      async ({ refresh }) =>
        service.send('DELETE', `/users/me/sessions/${refresh.split('.')[0] ?? ''}`, { bearer: (await logIn()).access }),
    ];
    for (const end of endings) {
      const [ended, lives] = [await logIn(), await logIn()];
      expect(await service.me(ended.access)).toBe(200);
      expect((await end(ended)).status).toBeLessThan(300);
      await killAndStartAgain();
      expect(await service.me(ended.access)).toBe(401);
      expect(await service.refresh(ended.refresh)).toMatchObject(REVOKED);
      expect(await service.me(lives.access)).toBe(200);
      expect((await service.refresh(lives.refresh)).status).toBe(200);
    }
  }, 60_000);

  /** What a client has: the tokens of its last answer, and those before them. */
  interface Held {
    readonly newest: Tokens;
    readonly before: Tokens;
  }
  /** Refreshes until the service is gone, and says so at each answer. */
  const refreshUntilKilled = async ({ newest, before }: Held, received: () => void): Promise<Held> => {
    const answer = await service.refresh(newest.refresh).catch(() => undefined);
    if (answer === undefined) return { newest, before };
    received();
    return refreshUntilKilled({ newest: tokensOf(answer), before: newest }, received);
  };

  test('during refreshes, 8 times: each token that was received works, and the one before it, whose answer may have been lost', async () => {
    const start = async (): Promise<Held> => {
      const tokens = await logIn();
      return { newest: tokens, before: tokens };
    };
    let held = await Promise.all(Array.from({ length: 6 }, start));
    let refreshes = 0;
    for (let kill = 0; kill < 8; kill += 1) {
      let load: Promise<Held>[] = [];
      await new Promise<void>((received) => {
        load = held.map((tokens) => refreshUntilKilled(tokens, received));
      });
      await sleep(randomInt(0, 50));
      await service.kill();
      const left = await Promise.all(load);
      refreshes += left.filter(({ newest }, index) => newest !== held[index]?.newest).length;
      await startNext();
      held = await Promise.all(
        left.map(async ({ newest, before }, index) => {
          expect([await service.me(newest.access), await service.me(before.access)]).toEqual([200, 200]);
          const order = index % 2 === 0 ? [newest, before] : [before, newest];
          const answers: Tokens[] = [];
          for (const { refresh } of order) answers.push(tokensOf(await service.refresh(refresh)));
          const [one, other] = index % 2 === 0 ? answers : answers.toReversed();
          if (one === undefined || other === undefined) throw new TypeError('each was answered');
          return { newest: one, before: newest };
        }),
      );
    }
    expect(refreshes).toBeGreaterThanOrEqual(8);
  }, 240_000);
});
