import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { text } from './answers.js';
import { moduleArguments, moduleUrl, spawnNode } from './process.js';

export interface Answer {
  readonly status: number;
  /** What its JSON says; undefined where it has no body. */
  readonly body: unknown;
}

export interface Tokens {
  readonly access: string;
  readonly refresh: string;
}

interface Sent {
  /** An access token or a service key. */
  readonly bearer?: string;
  readonly body?: object;
}

/** Calls to a service that listens somewhere. */
export interface ServiceClient {
  readonly url: string;
  send(method: string, path: string, sent?: Sent): Promise<Answer>;
  refresh(token: string): Promise<Answer>;
  /** The status of `GET /users/me`. */
  me(accessToken: string): Promise<number>;
}

/** The real service in a process of its own, whose clock goes as this process's does and is moved ahead of it. */
export interface ServiceProcess extends ServiceClient {
  /** Lets so many seconds pass there, at once. */
  advance(seconds: number): Promise<void>;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
}

/** A process that has loaded the service and waits. */
export interface LoadedService {
  /** Starts the service, with its clock so many seconds ahead; resolves when it listens. */
  start(secondsAhead?: number): Promise<ServiceProcess>;
  kill(): Promise<void>;
}

type Settings = Readonly<Record<string, string>>;

/** Settings for every process of a test: production's, but for the cost of a hash. */
export const sharedSettings = (databaseUrl: string, settings: Settings = {}): Settings => ({
  NODE_ENV: 'test',
  DATABASE_URL: databaseUrl,
  SECRET_KEY: randomBytes(64).toString('base64url'),
  ROOT_KEY: randomBytes(64).toString('base64url'),
  BCRYPT_ROUNDS: '4',
  HASH_THREADS: '1',
  LOG_LEVEL: 'silent',
  RATE_LIMIT: 'off',
  ...settings,
});

const imported = (path: string): string => JSON.stringify(moduleUrl(path));

/** Does what the lines of its standard input say, and answers each with a line that counts them. */
const SERVICE = `
import { createInterface } from 'node:readline';
import { loadConfig, readEnvironment } from ${imported('config/index.ts')};
import { buildApp } from ${imported('src/app.ts')};
import { createContainer } from ${imported('src/container.ts')};
import { createHttpServer } from ${imported('src/http-server.ts')};

let ahead = 0;
const clock = { now: () => Date.now() + ahead, elapsed: () => performance.now() + ahead };
const commands = {
  advance: (seconds) => { ahead += Number(seconds) * 1000; },
  start: async () => {
    const container = createContainer(loadConfig(readEnvironment()), { clock });
    await container.start();
    const server = createHttpServer(buildApp(container));
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    console.log('port ' + server.address().port + ';');
  },
};
let done = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const [command, argument] = line.split(' ');
  await commands[command](argument);
  done += 1;
  console.log('done ' + done + ';');
}
// Whoever started it is gone.
process.exit();`;

/** Loads the service in a process that whoever calls has to kill. */
export function loadService(settings: Settings): LoadedService {
  const child = spawnNode(moduleArguments(SERVICE), tmpdir(), settings);
  let asked = 0;
  const command = (line: string): Promise<string> => {
    asked += 1;
    child.write(`${line}\n`);
    return child.printed(`done ${asked};`);
  };
  const advance = async (seconds: number): Promise<void> => {
    await command(`advance ${seconds}`);
  };
  const kill = async (): Promise<void> => {
    await child.end('SIGKILL');
  };
  return {
    kill,
    start: async (secondsAhead = 0) => {
      await advance(secondsAhead);
      const port = /port (\d+);/.exec(await command('start'))?.[1];
      if (port === undefined) throw new TypeError('a service says where it listens');
      return { ...createClient(`http://127.0.0.1:${port}`), advance, kill };
    },
  };
}

export function createClient(url: string): ServiceClient {
  const send: ServiceClient['send'] = async (method, path, { bearer, body } = {}) => {
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const said = await response.text();
    return { status: response.status, body: said === '' ? undefined : JSON.parse(said) };
  };
  return {
    url,
    send,
    refresh: (token) => send('POST', '/token', { body: { grant_type: 'refresh_token', refresh_token: token } }),
    me: async (bearer) => (await send('GET', '/users/me', { bearer })).status,
  };
}

/** What a log-in or a refresh gave; throws where it was refused. */
export const tokensOf = ({ body }: Answer): Tokens => ({ access: text(body, 'access_token'), refresh: text(body, 'refresh_token') });

/** Asks again and again until it is so; throws where it is not after thirty seconds. */
export async function eventually(isSo: () => Promise<boolean> | boolean): Promise<void> {
  const end = performance.now() + 30_000;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error('it was not so in thirty seconds');
    await new Promise((done) => setTimeout(done, 10));
  }
}
