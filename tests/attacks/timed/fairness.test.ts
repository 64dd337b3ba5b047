import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { member, text } from '../../support/answers.js';
import { type RunningServer, useProcesses } from '../../support/process.js';
import { seen } from '../../support/seen.js';
import { useTempFolder } from '../../support/temp-folder.js';

const PASSWORD = 'a password of my own';
const FLOODER = '198.51.100.7';
const OTHER = '203.0.113.9';
const CONNECTIONS = 220;
/** Log-ins and writes of the other client while the flood lasts. */
const TRIES = 20;
const LEAST_SUCCESSES = 0.95 * TRIES;
const PATIENCE_MS = 240_000;
const LOAD_MS = 1000;

interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH';
  readonly path: string;
  readonly from: string;
  readonly bearer?: string;
  readonly body?: object;
}
interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const folder = useTempFolder();
const processes = useProcesses();
const agent = new Agent({ keepAlive: true, maxSockets: Infinity });

let server: RunningServer;
beforeEach(async () => {
  const key = (): string => randomBytes(64).toString('base64url');
  // Without the limits, which would answer most of a flood with 429 and leave the queues nothing to share.
  const settings = {
    NODE_ENV: 'test',
    DATABASE_URL: `sqlite:${join(folder.path, 'users.db')}`,
    SECRET_KEY: key(),
    ROOT_KEY: key(),
    BCRYPT_ROUNDS: '10',
    RATE_LIMIT: 'off',
    TRUST_PROXY: '1',
  };
  server = await processes.startServer({ cwd: folder.path, settings });
}, PATIENCE_MS);
afterEach(() => server.end('SIGKILL'));

function send({ method, path, from, bearer, body }: Call): Promise<Answer> {
  const data = body === undefined ? '' : JSON.stringify(body);
  const headers = {
    'x-forwarded-for': from,
    ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(data) }),
  };
  return new Promise((done, failed) => {
    const asked = request(server.url + path, { method, headers, agent }, (answer) => {
      let received = '';
      answer.on('data', (chunk: Buffer) => (received += chunk.toString()));
      answer.on('error', failed);
      answer.on('end', () => {
        done({ status: answer.statusCode ?? 0, body: received === '' ? undefined : JSON.parse(received) });
      });
    });
    asked.on('error', failed);
    asked.end(data);
  });
}

const logIn = (username: string, from: string, password = PASSWORD): Promise<Answer> =>
  send({ method: 'POST', path: '/token', from, body: { username, password } });
const register = (username: string, from: string): Promise<Answer> =>
  send({ method: 'POST', path: '/register', from, body: { username, password: PASSWORD } });
const rename = (bearer: string, display_name: string, from: string): Promise<Answer> =>
  send({ method: 'PATCH', path: '/users/me', from, bearer, body: { display_name } });

/** Registers a user and returns an access token. */
async function tokenOf(username: string, from: string): Promise<string> {
  expect((await register(username, from)).status).toBe(201);
  return text((await logIn(username, from)).body, 'access_token');
}

type Step = (worker: number, round: number) => Promise<unknown>;

/** Repeats a step over many connections while the work lasts. Returns how many steps there were. */
async function flooded(step: Step, work: () => Promise<void>): Promise<number> {
  let over = false;
  let made = 0;
  const worker = async (_: unknown, index: number): Promise<void> => {
    for (let round = 0; !over; round += 1) {
      // A step that is cut off at the end is no failure of the test.
      await step(index, round).catch(() => undefined);
      made += 1;
    }
  };
  const workers = Promise.all(Array.from({ length: CONNECTIONS }, worker));
  await new Promise((done) => setTimeout(done, LOAD_MS));
  try {
    await work();
  } finally {
    over = true;
    await workers;
  }
  return made;
}

/** A step for each kind of flood, made once its account is there. */
const FLOODS: [string, () => Promise<Step>][] = [
  ['right log-ins of one account', async () => (await tokenOf('mallory', FLOODER), () => logIn('mallory', FLOODER))],
  ['wrong log-ins', async () => (await tokenOf('mallory', FLOODER), (worker) => logIn(`mallory-${worker}`, FLOODER, 'wrong'))],
  [
    'audited refusals',
    async () => {
      const bearer = await tokenOf('mallory', FLOODER);
      return () => send({ method: 'GET', path: '/admin/users', from: FLOODER, bearer });
    },
  ],
  [
    'profile changes',
    async () => {
      const bearer = await tokenOf('mallory', FLOODER);
      return (worker, round) => rename(bearer, `Mallory ${worker} ${round}`, FLOODER);
    },
  ],
  [
    'refreshes',
    async () => {
      await tokenOf('mallory', FLOODER);
      const tokens: string[] = [];
      for (let session = 0; session < 20; session += 1) tokens.push(text((await logIn('mallory', FLOODER)).body, 'refresh_token'));
      return async (worker) => {
        const refresh_token = tokens[worker % tokens.length];
        const { body } = await send({
          method: 'POST',
          path: '/token',
          from: FLOODER,
          body: { grant_type: 'refresh_token', refresh_token },
        });
        const next = member(body, 'refresh_token');
        if (typeof next === 'string') tokens[worker % tokens.length] = next;
      };
    },
  ],
  ['registrations', () => Promise.resolve((worker, round) => register(`mallory-${worker}-${round}`, FLOODER))],
];

describe('a flood from one client IP', () => {
  it.each(FLOODS)(
    'of %s leaves the log-ins and writes of another client successful',
    async (what, prepare) => {
      const bearer = await tokenOf('ada', OTHER);
      const step = await prepare();
      const statuses: number[] = [];
      const made = await flooded(step, async () => {
        for (let round = 0; round < TRIES / 2; round += 1) {
          statuses.push((await logIn('ada', OTHER)).status, (await rename(bearer, `Ada ${round}`, OTHER)).status);
        }
      });
      const successes = statuses.filter((status) => status === 200).length;
      seen(`${made} ${what} over ${CONNECTIONS} connections; ${successes} of ${TRIES} calls of the other client succeed`);
      expect(successes).toBeGreaterThanOrEqual(LEAST_SUCCESSES);
    },
    PATIENCE_MS,
  );

  it(
    'of log-ins of one account leaves the log-ins of another account of that client IP successful',
    async () => {
      await tokenOf('mallory', FLOODER);
      await tokenOf('ada', FLOODER);
      const statuses: number[] = [];
      await flooded(
        () => logIn('mallory', FLOODER),
        async () => {
          for (let tried = 0; tried < TRIES; tried += 1) statuses.push((await logIn('ada', FLOODER)).status);
        },
      );
      expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(LEAST_SUCCESSES);
    },
    PATIENCE_MS,
  );
});
