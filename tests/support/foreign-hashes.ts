import { readFileSync } from 'node:fs';
import { member, text } from './answers.js';

export interface ForeignHash {
  /** What it was made by, with its version. */
  readonly by: string;
  readonly format: string;
  readonly password: string;
  readonly hash: string;
  /** How it is to be imported. */
  readonly truncates: boolean;
}

/** Hashes that other software made: `tests/fixtures/make-hashes.py` says how. */
export function foreignHashes(): ForeignHash[] {
  const parsed: unknown = JSON.parse(readFileSync(new URL('../fixtures/hashes.json', import.meta.url), 'utf8'));
  if (!Array.isArray(parsed)) throw new TypeError('the fixture is a list');
  return parsed.map((entry: unknown) => ({
    by: text(entry, 'by'),
    format: text(entry, 'format'),
    password: text(entry, 'password'),
    hash: text(entry, 'hash'),
    truncates: member(entry, 'truncates') === true,
  }));
}
