import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { text } from '../support/answers.js';
import { type RunningServer, useProcesses } from '../support/process.js';
import { seen, tally } from '../support/seen.js';
import { createClient, type ServiceClient } from '../support/service-process.js';
import { openTarget, targets, type TestTarget } from '../support/test-database.js';
import { useTempFolder } from '../support/temp-folder.js';

const PASSWORD = 'a password of my own';
/** As many as the server accepts from one client. */
const CONNECTIONS = 220;
const WRITES = 40;
/** About five seconds in all. */
const BETWEEN_WRITES_MS = 100;
/** The share of another client's writes that succeed during a flood. */
const SUCCESS = 0.95;
const PATIENCE_MS = 120_000;

const folder = useTempFolder();
const processes = useProcesses();

interface Flood {
  /** Ends the flood; resolves with the status of each response. */
  stop(): Promise<number[]>;
}

interface Refused {
  readonly method: 'GET' | 'DELETE';
  readonly path: string;
  readonly bearer: string;
}

/** Sends one request over and over on each of so many connections. */
function flood(url: string, { method, path, bearer }: Refused): Flood {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const statuses: number[] = [];
  let stopped = false;
  const once = (): Promise<number> =>
    new Promise((done) => {
      const sent = request(url + path, { method, headers: { authorization: `Bearer ${bearer}` }, agent }, (response) => {
        response.resume().on('end', () => {
          done(response.statusCode ?? 0);
        });
      });
      sent.on('error', () => {
        done(0);
      });
      sent.end();
    });
  const repeat = async (): Promise<void> => {
    while (!stopped) statuses.push(await once());
  };
  const all = Promise.all(Array.from({ length: CONNECTIONS }, repeat));
  return {
    stop: async () => {
      stopped = true;
      await all;
      agent.destroy();
      return statuses;
    },
  };
}

describe.each(targets.filter((kind) => kind !== 'SQLite in memory'))('a flood of refused requests on %s', (kind) => {
  let target: TestTarget;
  let server: RunningServer;
  let client: ServiceClient;
  let settings: Readonly<Record<string, string>>;
  const logIn = async (username: string): Promise<string> => {
    await client.send('POST', '/register', { body: { username, password: PASSWORD } });
    return text((await client.send('POST', '/token', { body: { username, password: PASSWORD } })).body, 'access_token');
  };
  beforeEach(async () => {
    target = await openTarget(kind);
    const key = (): string => randomBytes(64).toString('base64url');
    settings = { NODE_ENV: 'test', DATABASE_URL: target.url, SECRET_KEY: key(), ROOT_KEY: key(), BCRYPT_ROUNDS: '4' };
    server = await processes.startServer({ cwd: folder.path, settings });
    client = createClient(server.url);
  }, PATIENCE_MS);
  afterEach(async () => {
    await server.end('SIGKILL');
    await target.drop();
  });

  /** Writes as another user while the flood goes on; returns the statuses of these writes. */
  async function writeDuring(attack: Flood, token: string): Promise<number[]> {
    const writes: Promise<number>[] = [];
    for (let write = 0; write < WRITES; write += 1) {
      const body = { display_name: `Name ${write}` };
      writes.push(client.send('PATCH', '/users/me', { bearer: token, body }).then(({ status }) => status));
      await sleep(BETWEEN_WRITES_MS);
    }
    const statuses = await Promise.all(writes);
    seen(`on ${kind}: flood ${tally(await attack.stop())}; writes of another user ${tally(statuses)}`);
    return statuses;
  }
  /** Stops the server, which records what it has counted, and counts the events of that type. */
  const countEvents = async (type: string): Promise<number> => {
    await server.end('SIGTERM');
    const { stdout } = await processes.runFile('src/cli/index.ts', {
      cwd: folder.path,
      settings,
      args: ['audit', 'export'],
    }).finished;
    return stdout.split('\n').filter((line) => line.includes(`"${type}"`)).length;
  };

  it(
    'keeps the first refusal where the server is killed a moment later',
    async () => {
      for (let time = 0; time < 5; time += 1) expect(await client.me('e30.e30.e30')).toBe(401);
      await server.end('SIGKILL');
      expect(await countEvents('token.rejected')).toBe(1);
    },
    PATIENCE_MS,
  );

  it.each<[string, string, (attacker: string, foreignSession: string) => Refused]>([
    ['of a user without the scope', 'access.denied', (bearer) => ({ method: 'GET', path: '/admin/users', bearer })],
    [
      'of a user with a foreign session id',
      'access.denied',
      (bearer, id) => ({ method: 'DELETE', path: `/users/me/sessions/${id}`, bearer }),
    ],
    ['with forged access tokens', 'token.rejected', () => ({ method: 'GET', path: '/users/me', bearer: 'e30.e30.e30' })],
    [
      'with forged service keys',
      'token.rejected',
      () => ({ method: 'GET', path: '/revocations', bearer: `lingomate_sk_${'A'.repeat(43)}` }),
    ],
  ])(
    '%s leaves 95 %% of another user’s writes successful and records few events',
    async (_what, type, refusedOf) => {
      const [attacker, other] = [await logIn('attacker'), await logIn('other')];
      const sessions = await client.send('GET', '/users/me/sessions', { bearer: other });
      const statuses = await writeDuring(flood(server.url, refusedOf(attacker, text(sessions.body, 'data', '0', 'id'))), other);
      const events = await countEvents(type);
      seen(`${events} ${type}`);
      expect(statuses.filter((status) => status === 200).length / WRITES).toBeGreaterThanOrEqual(SUCCESS);
      expect(events).toBeGreaterThan(0);
      // The first and the summary at the end, for each kind that the flood causes.
      expect(events).toBeLessThanOrEqual(4);
    },
    PATIENCE_MS,
  );
});
