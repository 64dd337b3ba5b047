import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createTestAuth, type TestAuth } from '../../src/testing.js';
import { member } from '../support/answers.js';
import { type PostgresCluster, postgresPrograms, startCluster } from '../support/postgres-cluster.js';
import { seen } from '../support/seen.js';
import {
  type Answer,
  eventually,
  loadService,
  type ServiceProcess,
  sharedSettings,
  type Tokens,
  tokensOf,
} from '../support/service-process.js';
import { createCrew, type Crew, killAmidWrites, WRITERS_SETTINGS } from '../support/writers.js';

const PROGRAMS = postgresPrograms() ?? '';
if (PROGRAMS === '') process.stderr.write('No PostgreSQL server is installed that a test could end: its faults are left out.\n');

const SERVICE_KILLS = 12;
const POSTGRES_KILLS = 5;
/** How soon it is told that the database is away. */
const TOLD_MS = 2000;
const CREDENTIALS = { username: 'ada', password: 'a password of my own' };

(PROGRAMS === '' ? describe.skip : describe)('a service on a PostgreSQL of its own', () => {
  let cluster: PostgresCluster;
  let settings: Readonly<Record<string, string>>;
  let service: ServiceProcess;
  let tokens: Tokens;
  beforeAll(async () => {
    cluster = await startCluster(PROGRAMS);
    settings = sharedSettings(cluster.url, WRITERS_SETTINGS);
    service = await loadService(settings).start();
    await service.send('POST', '/register', { body: CREDENTIALS });
    tokens = tokensOf(await service.send('POST', '/token', { body: CREDENTIALS }));
  }, 60_000);
  afterAll(async () => {
    await service.kill();
    await cluster.drop();
  });

  const withAuth = async <T>(work: (auth: TestAuth) => Promise<T>): Promise<T> => {
    const auth = await createTestAuth(settings);
    return work(auth).finally(() => auth.close());
  };
  let made = 0;
  /** What needs the database, each in a way of its own. */
  const requests: Readonly<Record<string, () => Promise<Answer>>> = {
    'a log-in': () => service.send('POST', '/token', { body: CREDENTIALS }),
    'a registration': () => {
      made += 1;
      return service.send('POST', '/register', { body: { ...CREDENTIALS, username: `ada-${made}` } });
    },
    'a refresh': () => service.refresh(tokens.refresh),
    'a profile': () => service.send('GET', '/users/me', { bearer: tokens.access }),
  };
  const codes = async (): Promise<Record<string, unknown>> =>
    Object.fromEntries(
      await Promise.all(
        Object.entries(requests).map(async ([what, ask]) => {
          const { status, body } = await ask();
          return [what, status < 300 ? 'done' : member(body, 'code')] as const;
        }),
      ),
    );
  const all = (value: string): Record<string, string> => Object.fromEntries(Object.keys(requests).map((what) => [what, value]));
  const live = async (): Promise<number> => (await service.send('GET', '/health/live')).status;
  const ready = () => service.send('GET', '/health/ready');
  /** Waits for it: what it had under way when the database went may still have to be given up. */
  const healed = (): Promise<void> =>
    eventually(async () => (await ready()).status === 200 && Object.values(await codes()).every((code) => code === 'done'));

  /** The same without a write that would count as one of the crew's. */
  const healedUnseen = (): Promise<void> =>
    eventually(async () => {
      const again = await service.send('POST', '/register', { body: CREDENTIALS });
      return (await ready()).status === 200 && again.status === 409 && (await service.me(tokens.access)) === 200;
    });

  const outages: readonly [string, () => Promise<void> | void, () => Promise<void> | void][] = [
    ['stopped', () => cluster.stop(), () => cluster.start()],
    ['killed', () => cluster.kill(), () => cluster.start()],
    [
      'halted, so that its connections stay and are silent',
      () => {
        cluster.halt();
      },
      () => {
        cluster.resume();
      },
    ],
  ];
  test.each(outages)(
    'tells within two seconds that it was %s, lives on, and heals by itself',
    async (_, end, begin) => {
      await healed();
      await end();
      let slowest = 0;
      // The first meet connections that there were, the later ones have to make one.
      for (let round = 0; round < 3; round += 1) {
        const begun = performance.now();
        expect(await codes()).toEqual(all('unavailable'));
        slowest = Math.max(slowest, performance.now() - begun);
        expect(await ready()).toMatchObject({ status: 503, body: { parts: { database: { status: 'down' } } } });
        expect(await live()).toBe(200);
      }
      await begin();
      await healed();
      seen(`the slowest 503 came after ${Math.round(slowest)} ms`);
      expect(slowest).toBeLessThan(TOLD_MS);
    },
    60_000,
  );

  describe('loses nothing that was acknowledged,', () => {
    let crew: Crew;
    beforeAll(async () => {
      crew = await withAuth((auth) => createCrew(auth, service));
    });
    const lookThrough = async (): Promise<void> => {
      await withAuth((auth) => crew.checkRecord(auth));
      seen(`${crew.acknowledged()} writes acknowledged, none lost`);
    };

    test(`where it is killed itself amid writes, ${SERVICE_KILLS} times`, async () => {
      let next = loadService(settings);
      for (let kill = 0; kill < SERVICE_KILLS; kill += 1) {
        await killAmidWrites(crew, service, () => service.kill());
        service = await next.start();
        next = loadService(settings);
        await crew.check(service);
      }
      await next.kill();
      await lookThrough();
    }, 240_000);

    test(`where PostgreSQL is killed amid writes, ${POSTGRES_KILLS} times, and the service goes on`, async () => {
      for (let kill = 0; kill < POSTGRES_KILLS; kill += 1) {
        await killAmidWrites(crew, service, () => cluster.kill());
        await cluster.start();
        await healedUnseen();
        await crew.check(service);
      }
      await lookThrough();
    }, 240_000);
  });
});
