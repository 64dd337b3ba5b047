import { describe, expect, it } from '@jest/globals';
import type { NewUserRow } from '../../../src/models/user-batch.js';
import type { Candidate } from '../../../src/services/transfer/import-rules.js';
import { type Alike, noneTaken, settle, type Taken } from '../../../src/services/transfer/taken-names.js';

const NOW = new Date(0);
const RECORDS = 100_000;

/** A candidate that tells of each time its name is read: every look at a holder reads it. */
function counted(username: string, fold: string, adopted: Candidate['adopted'], onRead: () => void): Candidate {
  const row: NewUserRow = {
    get username() {
      onRead();
      return username;
    },
    username_fold: fold,
    lookalike_fold: null,
    hashed_password: null,
    hash_truncates: false,
    email: null,
    email_verified_at: null,
    email_fold: null,
    verified_email_fold: null,
    email_set_by_admin: false,
    display_name: null,
    display_name_fold: null,
    roles: [],
    disabled_at: null,
    created_at: NOW,
    updated_at: NOW,
  };
  return { row, fold, notes: [], adopted, isNameMade: false };
}

/** Keeps entries and counts what is kept: of a list each of its members. */
class CountingMap<K, V> extends Map<K, V> {
  steps = 0;
  override set(key: K, value: V): this {
    this.steps += Array.isArray(value) ? value.length : 1;
    return super.set(key, value);
  }
}

/** Counts the steps of settling so many records: looks at a holder, and entries that are kept. */
function stepsFor(
  records: number,
  nameOf: (at: number) => readonly [username: string, fold: string],
  adopted?: Candidate['adopted'],
): number {
  const names = new CountingMap<string, Alike>();
  const earlier: Taken = { ...noneTaken(), names };
  let reads = 0;
  for (let at = 0; at < records; at += 1)
    settle(
      counted(...nameOf(at), adopted, () => (reads += 1)),
      noneTaken(),
      earlier,
    );
  return reads + names.steps;
}

describe('settling an import', () => {
  it.each<[string, (at: number) => readonly [string, string], Candidate['adopted']]>([
    ['names that all differ', (at) => [`user-${at}`, `user-${at}`], undefined],
    ['adopted names that all look alike', (at) => [`Name ${at}`, 'name'], { looksLike: 'Name 0' }],
    ['one name again and again', () => ['ada', 'ada'], undefined],
  ])(`takes as many steps for each record, at ${RECORDS} records with %s`, (_what, nameOf, adopted) => {
    const few = stepsFor(RECORDS / 100, nameOf, adopted);
    const many = stepsFor(RECORDS, nameOf, adopted);
    expect(few).toBeGreaterThan(0);
    expect(many / RECORDS).toBeLessThanOrEqual((few / (RECORDS / 100)) * 1.01);
  });

  it('adopts each look-alike once, and knows each again', () => {
    const earlier = noneTaken();
    const results = ['Bob', 'bob', 'BOB', 'bob'].map((username) =>
      settle(
        counted(username, 'bob', { looksLike: 'Bob' }, () => undefined),
        noneTaken(),
        earlier,
      ),
    );
    expect(results.map((settled) => ('row' in settled ? settled.row.lookalike_fold : Object.keys(settled)[0]))).toEqual([
      null,
      'bob',
      'bob',
      'there',
    ]);
  });
});
