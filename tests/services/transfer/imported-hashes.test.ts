import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { OPERATOR } from '../../../src/lib/actor.js';
import type { ImportResult } from '../../../src/services/transfer/imported-user.js';
import { foreignHashes } from '../../support/foreign-hashes.js';
import { createStoredApp, type StoredApp } from '../../support/stored-app.js';

const CLIENT = { ip: '192.0.2.1', userAgent: null, requestId: null };

let auth: StoredApp;
beforeAll(async () => {
  auth = await createStoredApp();
});
beforeEach(async () => {
  await auth.users.destroy({ where: {} });
});
afterAll(() => auth.close());

async function importText(text: string, options: { withoutUnknownHashes?: boolean } = {}): Promise<ImportResult[]> {
  const results: ImportResult[] = [];
  const importing = auth.services.transfer.importText(Buffer.from(text), {}, { dryRun: false, by: OPERATOR, ...options });
  for await (const result of importing) results.push(result);
  return results;
}
const lineOf = (...records: object[]): string => records.map((record) => `${JSON.stringify(record)}\n`).join('');
const statusesOf = (results: readonly ImportResult[]) => results.map(({ status }) => status);
const pathsOf = (results: readonly ImportResult[]) => results.map(({ errors = [] }) => errors.map(({ path }) => path).join());

const known = (format: string) => {
  const found = foreignHashes().find((entry) => entry.format === format);
  if (found === undefined) throw new TypeError(`the fixture has no ${format}`);
  return found;
};
const [bcrypt, argon2, pbkdf2, scrypt] = ['$2b$', '$argon2id$', '$pbkdf2$ sha256', '$scrypt$'].map(known);
const padded = ({ hash }: { hash: string }): string =>
  hash.replace(/[^$]+(?=\$[^$]+$)|[^$]+$/g, (text) => text + '='.repeat((4 - (text.length % 4)) % 4));
if (bcrypt === undefined || argon2 === undefined || pbkdf2 === undefined || scrypt === undefined) throw new TypeError('no fixtures');

describe('an imported password hash', () => {
  it.each([
    ['the wrapper {bcrypt} before it', bcrypt, `{bcrypt}${bcrypt.hash}`],
    ['the wrapper {BCRYPT} before it', bcrypt, `{BCRYPT}${bcrypt.hash}`],
    ['the wrapper {CRYPT} before it', bcrypt, `{CRYPT}${bcrypt.hash}`],
    ['the wrapper {CRYPT} before $2y$', bcrypt, `{CRYPT}${bcrypt.hash.replace('$2b$', '$2y$')}`],
    ['a line end before it', bcrypt, `\n${bcrypt.hash}`],
    ['the wrapper {ARGON2ID} before it', argon2, `{ARGON2ID}${argon2.hash}`],
    ['a space before it', bcrypt, ` ${bcrypt.hash}`],
    ['a line end behind it', bcrypt, `${bcrypt.hash}\r\n`],
    ['white space around its wrapper', bcrypt, `\t{crypt} ${bcrypt.hash} `],
    ['padding in Argon2', argon2, padded(argon2)],
    ['padding in PBKDF2', pbkdf2, padded(pbkdf2)],
    ['padding in scrypt', scrypt, padded(scrypt)],
    ['the parameters of Argon2 in another order', argon2, argon2.hash.replace(/(m=\d+),(t=\d+),(p=\d+)/, '$2,$3,$1')],
  ])('with %s logs its user in', async (_what, { password }, password_hash) => {
    expect(statusesOf(await importText(lineOf({ username: 'ada', password_hash })))).toEqual(['created']);
    await expect(auth.services.auth.logIn({ username: 'ada', password }, CLIENT)).resolves.toMatchObject({ user: { username: 'ada' } });
  });

  it('is taken by POST /admin/users in the same forms', async () => {
    await auth.services.admin.create({ username: 'bob', password_hash: ` {bcrypt}${bcrypt.hash}\n` }, OPERATOR);
    const { user } = await auth.services.auth.logIn({ username: 'bob', password: bcrypt.password }, CLIENT);
    expect(user.username).toBe('bob');
  });

  it('with a space before it in a cell of a table logs its user in', async () => {
    expect(statusesOf(await importText(`username,password_hash\nada, ${bcrypt.hash}\n`))).toEqual(['created']);
    await auth.services.auth.logIn({ username: 'ada', password: bcrypt.password }, CLIENT);
  });

  it.each([
    ['SHA-512 crypt', '$6$salt$0123456789'],
    ['MD5 of Django', 'md5$salt$0123456789abcdef0123456789abcdef'],
    ['SHA-1 of Django', 'sha1$salt$0123456789abcdef0123456789abcdef01234567'],
    ['Argon2d', argon2.hash.replace('argon2id', 'argon2d')],
    ['Argon2 that names a parameter twice', argon2.hash.replace(/m=\d+,t=\d+,p=\d+/, 'm=64,m=64,t=1')],
    ['a locked account', '!'],
    ['a password in the clear', '{noop}secret'],
    ['bcrypt of cost 15', bcrypt.hash.replace('$04$', '$15$')],
    ['an object that is none', { algorithm: 'md5' }],
  ])('of %s fails its record, or is left out with a note where that is asked', async (_what, password_hash) => {
    const line = lineOf({ username: 'ada', password_hash });
    expect(await importText(line)).toMatchObject([{ status: 'failed', errors: [{ path: 'password_hash', code: 'format' }] }]);
    const [result] = await importText(line, { withoutUnknownHashes: true });
    expect(result).toMatchObject({
      status: 'created',
      notes: [expect.stringMatching(/^password_hash is left out: it /), expect.anything()],
    });
    expect(JSON.stringify(result)).not.toMatch(/secret|0123456789/);
    expect(await auth.users.findOne({ where: { username: 'ada' } })).toMatchObject({ hashed_password: null, hash_truncates: false });
  });

  it.each([
    ['Keycloak', { username: 'ada', enabled: true, credentials: [{ type: 'password', secretData: '{}', credentialData: '{}' }] }],
    ['better-auth', { displayUsername: 'ada', email: 'ada@example.com', emailVerified: false, password: 'salt:key' }],
    ['Django', { username: 'ada', password: 'md5$salt$x', date_joined: '2023-04-05' }],
  ])('of %s that cannot be read is left out where that is asked', async (_what, record) => {
    expect(statusesOf(await importText(lineOf(record)))).toEqual(['failed']);
    expect(statusesOf(await importText(lineOf(record), { withoutUnknownHashes: true }))).toEqual(['created']);
  });
});

describe('an import of a document', () => {
  it('reads the hashes of {"users": […]} with our own members', async () => {
    const text = JSON.stringify({ users: [{ username: 'ada', password_hash: bcrypt.hash }] }, null, 2);
    expect(statusesOf(await importText(text))).toEqual(['created']);
    await auth.services.auth.logIn({ username: 'ada', password: bcrypt.password }, CLIENT);
  });

  it('refuses a member of {"users": […]} that it does not know by its name', async () => {
    expect(pathsOf(await importText(JSON.stringify({ users: [{ username: 'ada', hashedPassword: bcrypt.hash }] })))).toEqual([
      'hashedPassword',
    ]);
  });
});

describe('a record with a password hash in a member that its source format does not have', () => {
  const KEYCLOAK = { username: 'ada', enabled: true, createdTimestamp: 1717243200000 };
  it.each([
    ['Keycloak', 'password_hash', { realm: 'shop', users: [{ ...KEYCLOAK, password_hash: bcrypt.hash }] }],
    ['Keycloak', 'secret', { realm: 'shop', users: [{ ...KEYCLOAK, secret: `{bcrypt}${bcrypt.hash}` }] }],
    ['Keycloak', 'hashedPassword', { realm: 'shop', users: [{ ...KEYCLOAK, hashedPassword: { alg: 'x' } }] }],
    ['Firebase', 'password', { users: [{ localId: 'a', email: 'ada@example.com', password: 'x' }] }],
    ['Supabase Auth', 'passwordHash', [{ email: 'ada@example.com', encrypted_password: null, passwordHash: 'x' }]],
    ['better-auth', 'password_digest', { user: [{ id: 1, email: 'ada@example.com', password_digest: 'x' }], account: [] }],
    ['Django', 'old_password', [{ model: 'auth.user', fields: { username: 'ada', password: '!', old_password: pbkdf2.hash } }]],
  ])('of %s fails and names %s', async (_what, path, document) => {
    const results = await importText(JSON.stringify(document));
    expect([statusesOf(results), pathsOf(results)]).toEqual([['failed'], [path]]);
    expect(JSON.stringify(results)).not.toContain(bcrypt.hash.slice(-20));
  });

  it('is added where that member is empty', async () => {
    const text = JSON.stringify({ realm: 'shop', users: [{ ...KEYCLOAK, password_hash: null, password: '' }] });
    expect(statusesOf(await importText(text))).toEqual(['created']);
  });
});
