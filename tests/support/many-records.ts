import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase, type Database } from '../../src/adapters/database.js';
import { OPERATOR } from '../../src/lib/actor.js';
import { countWork, type Work } from './counted-work.js';
import { createTestApp, type TestApp } from './test-app.js';

const HASH = `$2b$10$${'a'.repeat(53)}`;
const FIREBASE = { signerKey: 'c2lnbmVy', saltSeparator: 'Bw==', rounds: 8, memCost: 14 };

const each = <T>(count: number, make: (number: number) => T): T[] => Array.from({ length: count }, (_, number) => make(number));
const lines = (records: readonly object[]): string => records.map((record) => `${JSON.stringify(record)}\n`).join('');
const nameOf = (number: number): string => `user-${number}`;
const emailOf = (number: number): string => `user-${number}@example.com`;

/** So many records of each format, also such that one user, one cell or one id has very many of something. */
const TEXTS: Readonly<Record<string, (count: number) => string>> = {
  'our own lines': (count) => lines(each(count, (number) => ({ username: nameOf(number), password_hash: HASH }))),
  'our own lines with very many roles each': (count) =>
    // The first line tells that these are lines, and is looked for in the first 256 KiB.
    lines([{ username: 'ada' }, ...each(10, (number) => ({ username: nameOf(number), roles: each(count, () => 'user') }))]),
  'lines that are no records': (count) => `{"username":"ada"}\n${'1\n'.repeat(count)}`,
  'blank lines': (count) => `${'\n'.repeat(count)}{"username":"ada"}\n`,
  CSV: (count) => `username,email\n${each(count, (number) => `${nameOf(number)},${emailOf(number)}\n`).join('')}`,
  'CSV with very many columns': (count) =>
    `username,encrypted_password,email,${each(count, (number) => `c${number}`).join(',')}\n${`a,b,c@example.com${',x'.repeat(count)}\n`.repeat(3)}`,
  'CSV with cells of very many lines': (count) => `username,email\n${`"${'x\n'.repeat(count)}",a@example.com\n`.repeat(3)}`,
  'CSV with a quote that is never closed': (count) => `username,email\nada,"${'x\n'.repeat(count)}`,
  'better-auth': (count) =>
    JSON.stringify({
      user: each(count, (id) => ({ id: String(id), email: emailOf(id), emailVerified: true })),
      account: each(count, (id) => ({ userId: String(id), providerId: 'credential', password: HASH })),
    }),
  'better-auth with very many accounts of one user': (count) =>
    JSON.stringify({ user: [{ id: '1', email: emailOf(1), emailVerified: true }], account: each(count, () => ({ userId: '1' })) }),
  'better-auth with very many users and accounts of one id': (count) =>
    JSON.stringify({
      user: each(count, (number) => ({ id: '1', email: emailOf(number), emailVerified: true })),
      account: each(count, () => ({ userId: '1' })),
    }),
  django: (count) =>
    JSON.stringify(each(count, (pk) => ({ model: 'auth.user', pk, fields: { username: nameOf(pk), password: HASH, email: emailOf(pk) } }))),
  supabase: (count) => JSON.stringify(each(count, (number) => ({ id: number, email: emailOf(number), encrypted_password: HASH }))),
  keycloak: (count) =>
    JSON.stringify({
      realm: 'shop',
      users: each(count, (number) => ({ username: nameOf(number), email: emailOf(number), credentials: [] })),
    }),
  'keycloak with very many credentials of one user': (count) =>
    JSON.stringify({ realm: 'shop', users: [{ username: 'ada', credentials: each(count, () => ({ type: 'otp' })) }] }),
  firebase: (count) =>
    JSON.stringify({
      users: each(count, (number) => ({ localId: String(number), email: emailOf(number), passwordHash: 'aGFzaA==', salt: 'c2FsdA==' })),
    }),
};

/** Maximum ratio of a count for twice as many records: linear work has 2, quadratic work 4. */
const TWICE = 2.8;
/** Bound of the elements between two turns: of a batch of 1,000 records, and of a document that is read as a whole. */
const longestRunOf = (text: string): number => 100_000 + 3 * text.length;

/** Asserts of a dry run of every import format that twice the records cost twice the work. */
export function describeManyRecords(count: number, timeout: number): void {
  describe(`A dry run of an import of ${2 * count}`, () => {
    let auth: TestApp;
    let database: Database;
    beforeAll(async () => {
      database = createDatabase({ dialect: 'sqlite', file: ':memory:' });
      auth = await createTestApp({ DATABASE_URL: 'sqlite::memory:' }, { database });
    });
    afterAll(() => auth.close());

    const workOf = (text: string): Promise<Work> =>
      countWork(database, async () => {
        const results = auth.services.transfer.importText(Buffer.from(text), { firebase: FIREBASE }, { dryRun: true, by: OPERATOR });
        for await (const { line } of results) expect(line).toBeGreaterThan(0);
      });

    it.each(Object.entries(TEXTS))(
      '%s does twice the work for twice as many, with turns of the event loop in between',
      async (_name, textOf) => {
        const once = await workOf(textOf(count));
        const text = textOf(2 * count);
        const twice = await workOf(text);
        expect(once.statements).toBeGreaterThan(0);
        expect(twice.statements).toBeLessThanOrEqual(once.statements * 2);
        expect(twice.steps / once.steps).toBeLessThan(TWICE);
        expect(twice.longestRun).toBeLessThan(longestRunOf(text));
      },
      timeout,
    );
  });
}
