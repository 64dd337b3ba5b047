import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, closeSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SERVER = join(ROOT, 'dist/src/server.js');

/** Longest that anything here may take to start, stop or finish. */
const PATIENCE_MS = 60_000;
const POLL_MS = 2;
/** The unit of /proc, the same on every Linux that Node runs on. */
const TICKS_A_SECOND = 100;

/** A server in a process of its own, on 127.0.0.1. */
export interface Running {
  readonly url: string;
  readonly pid: number;
  /** From the spawn to its first good answer. */
  readonly startedInMs: number;
  stop(): Promise<void>;
}

/** Gives the work a folder of its own, which is gone afterwards. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Gives the work a running server, which is stopped afterwards. */
export async function using<T>(starting: Promise<Running>, work: (server: Running) => Promise<T>): Promise<T> {
  const server = await starting;
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
}

const production = (folder: string): Record<string, string> => ({
  LOG_LEVEL: 'info',
  BCRYPT_ROUNDS: '12',
  DATABASE_URL: `sqlite:${folder}/bench.db`,
  SECRET_KEY: 'Zx8-qLr2WnT5vKb9YdM3hGj6PcF1sQa4',
  ROOT_KEY: 'B7u_kVt0XeN4wRz2SfJ9mLc5HgD8yPq3',
  ISSUER: 'https://auth.example.com',
  // On, and so wide that one user and one address may be all the load.
  LIMIT_FAILURES_PER_ACCOUNT: '100',
  LIMIT_FAILURES_PER_ADDRESS: '1000000',
  LIMIT_REFRESHES_PER_SESSION: '1000000',
  LIMIT_LOG_INS_PER_ACCOUNT: '1000000',
  LIMIT_LOG_INS_PER_CLIENT: '1000000',
  LIMIT_WRITES_PER_ACCOUNT: '1000000',
  LIMIT_WRITES_PER_CLIENT: '1000000',
});

/** The built service as an operator runs it: in production, logging every request to a file. */
export const startService = (folder: string): Promise<Running> => start([SERVER], '/health/live', folder, production(folder));

/** Collects all that is garbage each second, and prints what is left. */
const TELL_HEAP = `data:text/javascript,setInterval(() => { gc(); console.log('heap ' + process.memoryUsage().heapUsed); }, 1000).unref();`;

/** The same with other settings; each second it writes `heap`, and how many bytes are live there, among the lines of `server.log`. */
export const startTellingHeap = (folder: string, settings: Readonly<Record<string, string>>): Promise<Running> =>
  start(['--expose-gc', '--import', TELL_HEAP, SERVER], '/health/live', folder, { ...production(folder), ...settings });

/** The least that answers like `/verify-token`: Express and nothing else. */
const BARE = `
import express from 'express';
const app = express();
app.get('/verify-token', (_request, response) => response.json({ message: 'Token is valid' }));
app.listen(Number(process.env.PORT), '127.0.0.1');
`;
export const startBare = (): Promise<Running> => start(['--input-type=module', '--eval', BARE], '/verify-token', ROOT, {});

async function start(parameters: string[], answersAt: string, cwd: string, settings: Record<string, string>): Promise<Running> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  // What is logged goes to a file, as in production; the bare server logs nothing.
  const log = cwd === ROOT ? undefined : openSync(join(cwd, 'server.log'), 'a');
  const begun = performance.now();
  const child = spawn(process.execPath, parameters, {
    cwd,
    env: { PATH: process.env['PATH'], NODE_ENV: 'production', PORT: String(port), ...settings },
    stdio: ['ignore', log ?? 'ignore', 'inherit'],
  });
  if (log !== undefined) closeSync(log);
  const ended = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const patience = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    await ended;
    clearTimeout(patience);
  };
  try {
    while (!(await answers(url + answersAt))) {
      if (child.exitCode !== null || performance.now() - begun > PATIENCE_MS) throw new Error('a server to be measured did not start');
      await new Promise((later) => setTimeout(later, POLL_MS));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, pid: child.pid ?? NaN, startedInMs: performance.now() - begun, stop };
}

const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    (response) => response.ok,
    () => false,
  );

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('no port to listen on');
  return address.port;
}

/** What a script prints as JSON: a list of numbers. It runs in a process of its own, as a user of the package would run it. */
export function numbersOf(script: string): Promise<number[]> {
  return new Promise((done, failed) => {
    const env = { PATH: process.env['PATH'] };
    execFile(process.execPath, ['--input-type=module', '--eval', script], { cwd: ROOT, env, timeout: PATIENCE_MS }, (error, stdout) => {
      const printed: unknown = error ? undefined : JSON.parse(stdout);
      if (Array.isArray(printed)) done(printed.map(Number));
      else failed(error ?? new Error('a measured script printed no list'));
    });
  });
}

/** Seconds of processor time that a process has used; NaN where the system doesn't tell. */
export function processorSeconds(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
  } catch {
    return NaN;
  }
}

/** Megabytes that a process holds in memory; NaN where the system doesn't tell. */
export function residentMegabytes(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
  } catch {
    return NaN;
  }
}
