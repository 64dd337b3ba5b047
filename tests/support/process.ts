import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach } from '@jest/globals';

/** A file of the repository, as a URL that a child process can import whatever its working directory: TypeScript as it was built. */
export function moduleUrl(path: string): string {
  const built = path.endsWith('.ts') ? `dist/${path.replace(/\.ts$/, '.js')}` : path;
  return new URL(`../../${built}`, import.meta.url).href;
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Child {
  readonly pid: number;
  /** Resolves when it has ended, with all that it wrote. */
  readonly finished: Promise<Finished>;
  /** Resolves with its standard output when that has the text; throws where it ends before. */
  printed(text: string): Promise<string>;
  /** Sends a signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<Finished>;
  signal(signal: NodeJS.Signals): void;
  /** Writes to its standard input. */
  write(text: string): void;
  /** Tells it that nothing more will come there. */
  endInput(): void;
}

export interface RunningServer extends Child {
  readonly url: string;
}

type Settings = Readonly<Record<string, string>>;

interface ServerOptions {
  readonly cwd: string;
  readonly settings?: Settings;
  readonly path?: string;
  readonly args?: readonly string[];
  /** The words of a command that runs it. */
  readonly through?: readonly string[];
}

export interface Processes {
  /** Runs a file of the repository. */
  runFile(path: string, options: { cwd: string; settings?: Settings; args?: readonly string[] }): Child;
  /** Runs a file of the repository at a terminal of its own, by util-linux's `script`; its standard output is what the terminal shows. */
  runAtTerminal(path: string, options: { cwd: string; settings?: Settings; args?: readonly string[] }): Child;
  /** Runs a module given as text, which may import ours by `moduleUrl`. */
  runModule(text: string, options: { cwd: string }): Child;
  /** Runs a program of this machine, to which that folder is its home, and which is asked nothing. */
  runProgram(name: string, options: { cwd: string; args: readonly string[] }): Child;
  /** The service on a free port of 127.0.0.1, by `src/server.ts` unless told; resolves when it listens. */
  startServer(options: ServerOptions): Promise<RunningServer>;
}

/** Child processes of the calling suite: after each test none is left. Nothing of this process's settings reaches them. */
export function useProcesses(): Processes {
  const alive = new Set<Child>();
  afterEach(async () => {
    await Promise.all([...alive].map((child) => child.end('SIGKILL')));
    alive.clear();
  });
  const keep = (child: Child): Child => {
    alive.add(child);
    return child;
  };
  const start = (args: readonly string[], cwd: string, settings?: Settings, through?: readonly string[]): Child =>
    keep(spawnNode(args, cwd, settings, through));
  const runFile: Processes['runFile'] = (path, { cwd, settings, args = [] }) =>
    start([fileURLToPath(moduleUrl(path)), ...args], cwd, settings);
  return {
    runFile,
    runAtTerminal: (path, { cwd, settings = {}, args = [] }) => {
      const command = [process.execPath, fileURLToPath(moduleUrl(path)), ...args].join(' ');
      const env = { PATH: process.env['PATH'], ...settings };
      return keep(watch(spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], { cwd, env, stdio: 'pipe' })));
    },
    runModule: (text, { cwd }) => start(moduleArguments(text), cwd),
    runProgram: (name, { cwd, args }) => {
      const child = keep(watch(spawn(name, args, { cwd, env: { PATH: process.env['PATH'], HOME: cwd }, stdio: 'pipe' })));
      child.endInput();
      return child;
    },
    startServer: async ({ cwd, settings, path = 'src/server.ts', args = [], through }) => {
      const child = start([fileURLToPath(moduleUrl(path)), ...args], cwd, { PORT: '0', ...settings }, through);
      const url = /listens on (http:\/\/[^ ,]+)/.exec(await child.printed('documentation at'))?.[1];
      if (url === undefined) throw new TypeError('a server says where it listens');
      // What a test sends to the server must not depend on how this machine resolves `localhost`.
      return { ...child, url: url.replace('//localhost:', '//127.0.0.1:') };
    },
  };
}

/** A child process, which whoever starts it has to end. Nothing of this process's settings reaches it. */
export const spawnNode = (args: readonly string[], cwd: string, settings: Settings = {}, through: readonly string[] = []): Child => {
  const [program, ...words] = [...through, process.execPath, ...args];
  return watch(spawn(program ?? process.execPath, words, { cwd, env: { PATH: process.env['PATH'], ...settings }, stdio: 'pipe' }));
};

/** What makes such a process run a module that is given as text. */
export const moduleArguments = (text: string): string[] => ['--input-type=module', '--eval', text];

function watch(child: ChildProcess): Child {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  // `close` comes after the streams have ended, `exit` may come before.
  const finished = once(child, 'close').then(() => ({ code: child.exitCode, stdout, stderr }));
  return {
    pid: child.pid ?? NaN,
    finished,
    printed: (text) =>
      new Promise((done, failed) => {
        const look = (): void => {
          if (stdout.includes(text)) done(stdout);
        };
        child.stdout?.on('data', look);
        look();
        void finished.then(({ code }) => {
          failed(new Error(`ended with ${String(code)} before it said "${text}":\n${stdout}${stderr}`));
        });
      }),
    signal: (signal) => {
      child.kill(signal);
    },
    write: (text) => {
      child.stdin?.write(text);
    },
    endInput: () => {
      child.stdin?.end();
    },
    end: (signal) => {
      child.kill(signal);
      return finished;
    },
  };
}

/** Takes a port of 127.0.0.1 until it is closed. */
export async function occupyPort(): Promise<{ port: number; server: Server }> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port');
  return { port: address.port, server };
}
