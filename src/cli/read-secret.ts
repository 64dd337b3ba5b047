import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { text } from 'node:stream/consumers';
import { Writable } from 'node:stream';
import { AppError } from '../errors/app-error.js';

/** What stdin holds to its end, without the line end that `echo` puts there. */
export const readPiped = async (): Promise<string> => (await text(process.stdin)).replace(/\r?\n$/, '');

/** Reads a secret from a file, without the line end at its end. Throws `not_found` where the file cannot be read. */
export function readSecretFile(file: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (cause) {
    throw new AppError('not_found', { cause, details: { detail: `${file} can't be read. Name a file that this user may read` } });
  }
}

/** Asks at the terminal and shows nothing of what is typed. Throws `validation_failed` where it is ended by Ctrl-D. */
export async function askHidden(question: string): Promise<string> {
  const nowhere = new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
  const reading = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  // Not before the interface has turned the echo off, or the terminal shows what is typed at once.
  process.stderr.write(question);
  const ended = once(reading, 'close').then(() => undefined);
  try {
    // `question` rejects at Ctrl-D or Ctrl-C, where it does not stay pending.
    const typed = await Promise.race([reading.question('').catch(() => undefined), ended]);
    if (typed !== undefined) return typed;
    throw new AppError('validation_failed', { details: { detail: 'No password was typed. Run the command again' } });
  } finally {
    reading.close();
    process.stderr.write('\n');
  }
}
