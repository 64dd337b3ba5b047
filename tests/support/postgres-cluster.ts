import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SelfSigned } from './certificate.js';
import { occupyPort } from './process.js';

/** A PostgreSQL server of a test's own, which it may end, halt and start again. */
export interface PostgresCluster {
  /** Of an empty database. */
  readonly url: string;
  start(): Promise<void>;
  /** Ends it in order, or, with all its processes at once, as a power cut would. */
  stop(): Promise<void>;
  kill(): Promise<void>;
  /** Halts all its processes: connections stay, and are silent. */
  halt(): void;
  /** Lets them go on. */
  resume(): void;
  /** Ends it, and removes its data. */
  drop(): Promise<void>;
}

const DEBIAN = '/usr/lib/postgresql';

/** Where the programs of a PostgreSQL server lie; undefined where none is installed. */
export function postgresPrograms(): string | undefined {
  const newest = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((one, other) => Number(other) - Number(one)) : [];
  return newest.map((version) => join(DEBIAN, version, 'bin')).find((folder) => existsSync(join(folder, 'initdb')));
}

/** PostgreSQL refuses to run as root; the package has made a user for it. */
function serverUser(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const [, , uid, gid] = /^postgres:.*$/m.exec(readFileSync('/etc/passwd', 'utf8'))?.[0].split(':') ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}

/** Makes and starts one on a free port of 127.0.0.1, with the programs in that folder; with a certificate it also takes TLS. */
export async function startCluster(programs: string, tls?: SelfSigned): Promise<PostgresCluster> {
  const user = serverUser();
  const folder = mkdtempSync(join(tmpdir(), 'lingomate-auth-postgres-'));
  if (user.uid !== undefined && user.gid !== undefined) chownSync(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  const keep = (name: string, content: string): string => {
    const file = join(folder, name);
    writeFileSync(file, content, { mode: 0o600 });
    if (user.uid !== undefined && user.gid !== undefined) chownSync(file, user.uid, user.gid);
    return file;
  };
  const run = (program: string, args: readonly string[]): void => {
    execFileSync(join(programs, program), args, { cwd: folder, stdio: 'ignore', ...user });
  };
  run('initdb', ['--pgdata', data, '--username', 'postgres', '--auth', 'trust', '--encoding', 'UTF8', '--locale', 'C', '--no-sync']);
  const secured =
    tls === undefined
      ? []
      : ['-c', 'ssl=on', '-c', `ssl_cert_file=${keep('server.pem', tls.cert)}`, '-c', `ssl_key_file=${keep('server.key', tls.key)}`];
  const { port, server } = await occupyPort();
  server.close();
  await once(server, 'close');

  const ready = (): boolean => {
    try {
      run('pg_isready', ['--host', '127.0.0.1', '--port', String(port)]);
      return true;
    } catch {
      return false;
    }
  };
  const launch = () => {
    const args = [
      '-D',
      data,
      '-p',
      String(port),
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      `unix_socket_directories=${folder}`,
      ...secured,
    ];
    const child = spawn(join(programs, 'postgres'), args, { cwd: folder, stdio: 'ignore', ...user });
    return { pid: child.pid ?? NaN, ended: once(child, 'exit') };
  };
  let running = launch();
  const untilReady = async (): Promise<void> => {
    const end = performance.now() + 30_000;
    while (!ready()) {
      if (performance.now() > end) throw new Error('PostgreSQL did not start');
      await new Promise((later) => setTimeout(later, 20));
    }
  };
  const signalAll = (signal: NodeJS.Signals): void => {
    const { pid } = running;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
    // Its head first, which would else start again what it misses.
    for (const one of [pid, ...children]) process.kill(one, signal);
  };
  const end = async (how: () => void): Promise<void> => {
    how();
    await running.ended;
  };
  const stop = (): Promise<void> =>
    end(() => {
      process.kill(running.pid, 'SIGINT');
    });
  await untilReady();
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    start: async () => {
      running = launch();
      await untilReady();
    },
    stop,
    kill: () =>
      end(() => {
        signalAll('SIGKILL');
      }),
    halt: () => {
      signalAll('SIGSTOP');
    },
    resume: () => {
      signalAll('SIGCONT');
    },
    drop: async () => {
      await stop().catch(() => undefined);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
