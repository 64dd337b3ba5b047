import { tablesOf } from './stolen-database.js';
import type { Database } from '../../src/adapters/database.js';
import { member } from './answers.js';

/**
 * What may change where nothing was done, by table. All else has to stand as it stood, to the last column of the last row.
 * `*` is the whole table.
 */
export const BOOKKEEPING: Readonly<Record<string, readonly string[]>> = {
  // Who is refused may be recorded for that (ASVS 16.3), and each event moves the head of the chain.
  auth_audit_events: ['*'],
  auth_audit_head: ['*'],
  // The first use of a refreshed access token shows that it arrived, and so when the session was last used. Noted behind the answer.
  auth_sessions: ['last_used_at', 'replaced', 'version'],
  // Likewise; exact to five minutes.
  auth_service_keys: ['last_used_at'],
};

/** Each table's rows as text, but for what is bookkeeping. */
export type Dump = ReadonlyMap<string, readonly string[]>;

/** Reads the whole database, again at each call. */
export async function createDumper({ sequelize }: Database): Promise<() => Promise<Dump>> {
  const quote = (name: string): string => sequelize.getQueryInterface().quoteIdentifier(name);
  const tables = (await tablesOf(sequelize))
    .filter((table) => !table.startsWith('sqlite_'))
    .filter((table) => BOOKKEEPING[table]?.includes('*') !== true);
  if (tables.length < 5) throw new TypeError('a database that is migrated has more tables');
  return async () => {
    const dump = new Map<string, string[]>();
    for (const table of tables) {
      const [rows] = await sequelize.query(`SELECT * FROM ${quote(table)}`);
      dump.set(
        table,
        rows
          .filter((row) => !isForNobody(table, row))
          .map((row) => textOf(table, row))
          .sort(),
      );
    }
    return dump;
  };
}

/** Mails that only make asking for nobody cost the same: the next round drops them, whoever asks what meanwhile. */
const isForNobody = (table: string, row: unknown): boolean => table === 'auth_outbox' && member(row, 'recipient_fold') === null;

const textOf = (table: string, row: unknown): string =>
  JSON.stringify(row, (name, value: unknown) => (BOOKKEEPING[table]?.includes(name) === true ? undefined : value));

/** The rows that stand in one dump and not in the other, as `table: row`. */
export function differences(before: Dump, after: Dump): string[] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((table) => {
    const [were, are] = [before.get(table) ?? [], after.get(table) ?? []];
    const [had, has] = [new Set(were), new Set(are)];
    return [
      ...were.filter((row) => !has.has(row)).map((row) => `${table} lost ${row}`),
      ...are.filter((row) => !had.has(row)).map((row) => `${table} gained ${row}`),
    ];
  });
}
