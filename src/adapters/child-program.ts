import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { StartError } from '../errors/start-error.js';
import { errorCode } from '../lib/error-code.js';

interface Program {
  readonly name: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Makes the error to throw where it fails, of what it wrote to stderr as one line. */
  readonly fault: (said: string) => Error;
}

/** More of what it says on stderr tells nobody anything. */
const MOST_SAID = 10_000;

/**
 * What a program writes to stdout, as it comes; it is stopped where nobody reads on. Throws its fault when it has failed,
 * and StartError where there is no such program.
 */
export async function* outputOf({ name, args, environment, fault }: Program): AsyncGenerator<Buffer> {
  const child = spawn(name, args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-MOST_SAID);
  });
  const ended: Promise<unknown> = once(child, 'close').catch((error: unknown) => error);
  try {
    for await (const chunk of child.stdout) if (Buffer.isBuffer(chunk)) yield chunk;
    const failure = await ended;
    if (errorCode(failure) === 'ENOENT')
      throw new StartError(`${name} isn't found. Install PostgreSQL's client programs, and have PATH name their folder`);
    if (child.exitCode !== 0) throw fault(asOneLine(said));
  } finally {
    child.kill();
  }
}

/** The first lines of a message name the cause; a line that follows may only advise. */
const MAX_LINES = 4;
const asOneLine = (said: string): string =>
  said
    .split('\n')
    .flatMap((line) => line.trim().replace(/\.$/, '') || [])
    .slice(-MAX_LINES)
    .join('; ');

/** All that it writes, as text. */
export async function textOf(program: Program): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of outputOf(program)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
