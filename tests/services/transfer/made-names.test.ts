import { scryptSync } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import bcrypt from 'bcryptjs';
import { OPERATOR } from '../../../src/lib/actor.js';
import { createRoles } from '../../../src/lib/roles.js';
import type { ImportResult } from '../../../src/services/transfer/imported-user.js';
import { examine } from '../../../src/services/transfer/import-rules.js';
import { noneTaken, settle, takenBy } from '../../../src/services/transfer/taken-names.js';
import { CLIENT } from '../../support/client.js';
import { createStoredApp, type StoredApp } from '../../support/stored-app.js';

const PASSWORD = 'correct horse battery staple';
const HASH = bcrypt.hashSync(PASSWORD, 4);
const MADE = 'the e-mail address is no username, so one is made from it';
const MADE_UNVERIFIED = `${MADE}; they log in by it until they have verified the address`;
const LONG = `${'a'.repeat(64)}@${'b'.repeat(60)}.example`;

let auth: StoredApp;
beforeAll(async () => {
  auth = await createStoredApp();
});
beforeEach(async () => {
  await auth.users.destroy({ where: {} });
});
afterAll(() => auth.close());

async function imported(document: unknown, options: { dryRun?: boolean; firebase?: boolean } = {}): Promise<ImportResult[]> {
  const results: ImportResult[] = [];
  const source = options.firebase === true ? { firebase: FIREBASE } : {};
  const importing = auth.services.transfer.importText(Buffer.from(JSON.stringify(document)), source, {
    dryRun: options.dryRun ?? false,
    by: OPERATOR,
  });
  for await (const result of importing) results.push(result);
  return results;
}
const logIn = (username: string) => auth.services.auth.logIn({ username, password: PASSWORD }, CLIENT);

const FIREBASE = { signerKey: Buffer.alloc(32).toString('base64'), saltSeparator: 'Bw==', rounds: 8, memCost: 14 };
const betterAuth = (): string => {
  const key = scryptSync(PASSWORD, 'abab', 64, { N: 16384, r: 16, p: 1, maxmem: 64 * 1024 * 1024 });
  return `abab:${key.toString('hex')}`;
};
const keycloak = (username: string, email: string) => ({
  realm: 'shop',
  users: [
    {
      username,
      email,
      emailVerified: true,
      enabled: true,
      credentials: [
        { type: 'password', secretData: JSON.stringify({ value: HASH }), credentialData: '{"algorithm":"bcrypt","hashIterations":4}' },
      ],
    },
  ],
});
const SOURCES: [string, (email: string) => unknown][] = [
  ['Supabase Auth', (email) => [{ email, encrypted_password: HASH, email_confirmed_at: '2025-01-02T03:04:05Z' }]],
  [
    'better-auth',
    (email) => ({
      user: [{ id: '1', email, emailVerified: true }],
      account: [{ userId: '1', providerId: 'credential', password: betterAuth() }],
    }),
  ],
  ['Keycloak with the address as the name', (email) => keycloak(email, email)],
  ['our own lines', (email) => [{ email, email_verified: true, password_hash: HASH }]],
  [
    'our own lines with the address as the name',
    (email) => [{ username: email.toUpperCase(), email, email_verified: true, password_hash: HASH }],
  ],
];

describe('a user whose e-mail address is no username', () => {
  it.each(SOURCES)('comes from %s with a made name and a note, and logs in by the address', async (_source, documentOf) => {
    for (const email of ["o'neil@example.com", 'a&b@example.com', 'x!y#z@example.com', LONG]) {
      const [result] = await imported(documentOf(email));

      expect(result).toMatchObject({ line: 1, status: 'created', notes: [MADE] });
      const { user } = await logIn(email);
      expect(user).toEqual({ id: result?.id, username: result?.username });
      expect((await logIn(user.username)).user).toEqual(user);
    }
  });

  it('comes from Firebase with a made name', async () => {
    const users = [{ localId: 'a', email: "o'neil@example.com", emailVerified: true }];

    const [result] = await imported({ users }, { firebase: true });

    expect(result).toMatchObject({ status: 'created', username: expect.stringMatching(/^o-neil-\w{6}$/) });
    expect(result?.notes?.[0]).toBe(MADE);
  });

  it('logs in by the made name while the address is not verified', async () => {
    const [result] = await imported([{ email: "o'neil@example.com", password_hash: HASH }]);

    expect(result).toMatchObject({ status: 'created', notes: [MADE_UNVERIFIED] });
    await logIn(result?.username ?? '');
    await expect(logIn("o'neil@example.com")).rejects.toMatchObject({ code: 'invalid_credentials' });
  });

  it.each([true, false])('is there when the import is run again, where the address is verified: %s', async (email_verified) => {
    const lines = ["o'neil@example.com", 'a&b@example.com'].map((email) => ({ email, email_verified, password_hash: HASH }));
    const first = await imported(lines);

    const again = await imported(lines);

    expect(again).toEqual(
      first.map(({ id, username }, index) => ({ line: index + 1, status: 'exists', id, username, notes: [`is there as "${username}"`] })),
    );
    expect(await auth.users.count()).toBe(2);
  });

  it.each([true, false])(
    'is one user where its address comes twice, in two spellings of the domain; verified: %s',
    async (email_verified) => {
      const lines = ["o'neil@bücher.example", "O'Neil@xn--bcher-kva.example"].map((email) => ({ email, email_verified }));

      const rehearsed = await imported(lines, { dryRun: true });
      const results = await imported(lines);

      expect(rehearsed.map(({ status }) => status)).toEqual(['would_create', 'exists']);
      expect(results.map(({ status }) => status)).toEqual(['created', 'exists']);
      expect(results[1]?.notes?.[0]).toBe('is in this import before');
    },
  );

  it('is added where another account only claims the address', async () => {
    await auth.http().post('/register').send({ username: 'mallory', password: PASSWORD, email: "o'neil@example.com" }).expect(201);

    const [result] = await imported([{ email: "o'neil@example.com", email_verified: true, password_hash: HASH }]);

    expect(result).toMatchObject({ status: 'created' });
    expect((await logIn("o'neil@example.com")).user.id).toBe(result?.id);
  });

  it('gets another made name where the first is taken', () => {
    const circumstances = {
      roles: createRoles({}),
      now: new Date(0),
      adopts: false,
      withoutUnknownHashes: false,
      passwords: { hashFault: () => undefined },
    };
    const examined = examine({ email: "o'neil@example.com" }, circumstances);
    if (!('candidate' in examined)) throw new TypeError('the address is valid');
    const { row } = examined.candidate;
    const taken = takenBy([{ ...row, id: 1, verified_email_fold: null }], []);

    const settled = settle(examined.candidate, taken, noneTaken());

    if (!('row' in settled)) throw new TypeError('the user is not there');
    expect(settled.row.username).toMatch(/^o-neil-\w{6}$/);
    expect(settled.row.username).not.toBe(row.username);
    expect(settled.row.username_fold).toBe(settled.row.username);
  });

  it('fails where its own name is another text that breaks the rules', async () => {
    expect(await imported([{ username: "o'neil", email: "o'neil@example.com" }])).toMatchObject([
      { status: 'failed', errors: [{ path: 'username', code: 'format' }] },
    ]);
  });
});
