import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { OPERATOR } from '../../../src/lib/actor.js';
import type { ImportedUser, ImportResult, SourceRecord } from '../../../src/services/transfer/imported-user.js';
import { readFastApiUsers } from '../../../src/services/transfer/sources/fastapi.js';
import { fastApiUsers, placeFastApiDatabase } from '../../support/fastapi.js';
import { createStoredApp, type StoredApp } from '../../support/stored-app.js';
import { useTempFolder } from '../../support/temp-folder.js';

const PASSWORD = 'correct horse battery staple';
const CLIENT = { ip: '192.0.2.1', userAgent: null, requestId: null };
const ADMIN = { ...CLIENT, kind: 'user', id: '1' } as const;
const NO_PASSWORD = 'has no password: they log in once they have set one by a reset or an invitation';

let auth: StoredApp;
beforeAll(async () => {
  auth = await createStoredApp({ ROLES: '{"editor":[]}' });
});
beforeEach(async () => {
  await auth.users.destroy({ where: {} });
});
afterAll(() => auth.close());

const folder = useTempFolder();

/** Records as a source would give them. */
async function* recordsOf(users: readonly ImportedUser[]): AsyncGenerator<SourceRecord> {
  for (const [index, user] of users.entries()) yield await Promise.resolve({ line: index + 1, user });
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

type By = typeof OPERATOR | typeof ADMIN;
const importing = (users: readonly ImportedUser[], { dryRun = false, by = OPERATOR }: { dryRun?: boolean; by?: By } = {}) =>
  auth.services.transfer.importUsers(recordsOf(users), { dryRun, by });
const imported = (users: readonly ImportedUser[], options?: Parameters<typeof importing>[1]) => all(importing(users, options));
const importText = (text: string, by: By = OPERATOR) =>
  all(auth.services.transfer.importText(Buffer.from(text), {}, { dryRun: false, by }));
const exported = (withHashes = true) => all(auth.services.transfer.exportUsers({ withHashes, by: OPERATOR }));

const many = (count: number): ImportedUser[] => Array.from({ length: count }, (_, at) => ({ username: `user-${at}` }));
const statuses = (results: readonly ImportResult[]) => results.map(({ status }) => status);
const countOf = (results: readonly ImportResult[], status: ImportResult['status']) =>
  statuses(results).filter((one) => one === status).length;
/** Statuses, and of what failed the members that were at fault. */
const outcomes = (results: readonly ImportResult[]) =>
  results.map(({ status, errors }) => (errors === undefined ? status : errors.map(({ path, code }) => `${path}: ${code}`).join(', ')));

/** What was recorded since. */
async function eventsOf(work: () => Promise<unknown>): Promise<string[]> {
  const before = (await auth.services.audit.list({}, { limit: 1 })).items[0]?.seq ?? 0;
  await work();
  const { items } = await auth.services.audit.list({}, { limit: 100 });
  return items
    .filter(({ seq }) => seq > before)
    .map(({ type, details }) => `${type} ${JSON.stringify(details)}`)
    .reverse();
}

describe('an import', () => {
  test('makes users as they were, who log in with their passwords, and whose old hashes are replaced then', async () => {
    const text = readFileSync(new URL('../../fixtures/imports/users.jsonl', import.meta.url), 'utf8');
    const events = await eventsOf(async () => {
      expect(await importText(text)).toEqual([
        { line: 1, status: 'created', id: expect.any(Number), username: 'ada' },
        { line: 2, status: 'created', id: expect.any(Number), username: 'bob' },
        { line: 3, status: 'created', id: expect.any(Number), username: 'carol@example.com', notes: [NO_PASSWORD] },
        { line: 4, status: 'created', id: expect.any(Number), username: 'dora' },
        { line: 5, status: 'created', id: expect.any(Number), username: 'emil' },
      ]);
    });
    expect(events).toEqual([
      ...Array<string>(5).fill('account.created {"from":"import"}'),
      'users.imported {"created":5,"existing":0,"failed":0}',
    ]);
    const [ada, bob, carol, dora] = await auth.users.findAll({ order: ['id'] });
    expect(ada).toMatchObject({
      email: 'Ada@example.com',
      verified_email_fold: 'ada@example.com',
      display_name_fold: 'ada lovelace',
      roles: ['user', 'admin'],
      created_at: new Date('2020-02-03T04:05:06.789Z'),
      updated_at: new Date(auth.clock.now()),
      hash_truncates: true,
      disabled_at: null,
    });
    expect(bob).toMatchObject({ disabled_at: new Date(auth.clock.now()), roles: ['user'], email: null });
    expect(carol).toMatchObject({ hashed_password: null, email_verified_at: new Date('2021-01-01T00:00:00Z') });
    expect(dora?.hashed_password).toMatch(/^\$scrypt\$/);
    for (const username of ['ada@example.com', 'dora', 'emil']) await auth.services.auth.logIn({ username, password: PASSWORD }, CLIENT);
    await dora?.reload();
    expect(dora?.hashed_password).toMatch(/^\$2b\$/);
  });

  test('changes nothing by a dry run, which says what would happen to each', async () => {
    await auth.createUser({ username: 'taken' });
    const users = [
      { username: 'ada' },
      { username: 'TAKEN' },
      { username: 'ADA' },
      { username: 'x' },
      { email: 'ada@example.com', emailVerified: true },
      { username: 'ada@example.com' },
    ];
    const events = await eventsOf(async () => {
      const dry = await imported(users, { dryRun: true });
      expect(outcomes(dry)).toEqual(['would_create', 'exists', 'exists', 'username: too_short', 'would_create', 'exists']);
    });
    expect(events).toEqual([]);
    expect(await auth.users.count()).toBe(1);
    expect(outcomes(await imported(users))).toEqual(['created', 'exists', 'exists', 'username: too_short', 'created', 'exists']);
  });

  test('can be run again, and leaves who is there as they are', async () => {
    const users = many(1200);
    expect(countOf(await imported(users), 'created')).toBe(1200);
    const [before] = await auth.users.findAll({ limit: 1 });
    const again = await imported([...users.map((user) => ({ ...user, displayName: 'Somebody', disabled: true })), { username: 'new' }]);
    expect(statuses(again)).toEqual([...Array<string>(1200).fill('exists'), 'created']);
    expect(again[0]).toEqual({ line: 1, status: 'exists', id: before?.id, username: 'user-0' });
    expect(await auth.users.count({ where: { display_name: null } })).toBe(1201);
  });

  test('that is cut off has done what it told, and the rest at the next', async () => {
    const told: ImportResult[] = [];
    const events = await eventsOf(async () => {
      for await (const result of importing(many(2500))) {
        told.push(result);
        if (told.length === 1500) break;
      }
    });
    expect(events.at(-1)).toBe('users.imported {"created":2000,"existing":0,"failed":0}');
    const results = await imported(many(2500));
    expect(statuses(results.slice(0, 1500))).toEqual(Array<string>(1500).fill('exists'));
    expect(await auth.users.count()).toBe(2500);
  });

  test('whose source breaks off has done what came before', async () => {
    async function* breaking(): AsyncGenerator<SourceRecord> {
      yield* recordsOf(many(3));
      throw new Error('the disk is gone');
    }
    const results: ImportResult[] = [];
    const run = async (): Promise<void> => {
      for await (const result of auth.services.transfer.importUsers(breaking(), { dryRun: false, by: OPERATOR })) results.push(result);
    };
    await expect(run()).rejects.toThrow('the disk is gone');
    expect(statuses(results)).toEqual(['created', 'created', 'created']);
  });

  test('makes each user once where two run at once', async () => {
    const [one, other] = await Promise.all([imported(many(1500)), imported(many(1500))]);
    expect(countOf(one, 'created') + countOf(other, 'created')).toBe(1500);
    expect(countOf(one, 'exists') + countOf(other, 'exists')).toBe(1500);
    expect(await auth.users.count()).toBe(1500);
  });

  test('that meets a registration under way adds all others', async () => {
    const { sequelize } = auth.users;
    if (sequelize === undefined) throw new TypeError('a stored app has a database');
    const now = new Date();
    const rest = {
      hashed_password: null,
      email: null,
      email_verified_at: null,
      roles: ['user'],
      disabled_at: null,
      created_at: now,
      updated_at: now,
    };
    const registration = await sequelize.transaction();
    const { id } = await auth.users.create({ username: 'user-1', username_fold: 'user-1', ...rest }, { transaction: registration });
    const importingNow = imported(many(3));
    await new Promise((later) => setTimeout(later, 200));
    await registration.commit();
    const results = await importingNow;
    expect(statuses(results)).toEqual(['created', 'exists', 'created']);
    expect(results[1]?.id).toBe(id);
  });
});

describe('the rules', () => {
  test('are those of a registration, and tell all faults of a line', async () => {
    const results = await imported([
      { username: 'ab', email: 'nobody', roles: ['king'], passwordHash: 'secret' },
      { username: 'a b c' },
      { username: 'x'.repeat(65) },
      { username: 'name\0' },
      {},
      { email: 'with+plus@example.com' },
      { email: `${'x'.repeat(60)}@example.com` },
      { email: "o'hara@example.com" },
      { username: 'ada', passwordHash: '$2b$99$abcdefghijklmnopqrstuuO7Jm1h0nV9v1Q1m8dP3h1wP5m6h0gDW' },
    ]);
    expect(outcomes(results)).toEqual([
      'username: too_short, email: format, roles: not_allowed, password_hash: format',
      'username: format',
      'username: too_long',
      'username: format',
      'username: required',
      'created',
      'created',
      'created',
      'password_hash: format',
    ]);
    expect(JSON.stringify(results)).not.toMatch(/secret|O7Jm1h0n/);
  });

  test('leave out what is not worth losing a user for, and say so', async () => {
    const results = await imported([
      {
        username: 'ada',
        displayName: 'turned \u202e round',
        createdAt: new Date('2999-01-01'),
        passwordHash: '$2b$04$abcdefghijklmnopqrstuuO7Jm1h0nV9v1Q1m8dP3h1wP5m6h0gDW',
      },
      { username: 'bob', displayName: 'Bob', createdAt: new Date('1000-01-01'), roles: [] },
    ]);
    expect(results.map(({ notes = [] }) => notes.map((note) => note.split(' is ')[0]))).toEqual([
      ['display_name', 'created_at'],
      [NO_PASSWORD, 'created_at'],
    ]);
    const users = await auth.users.findAll({ order: ['id'] });
    expect(users.map(({ display_name, roles, created_at }) => [display_name, roles, created_at.getTime()])).toEqual([
      [null, ['user'], auth.clock.now()],
      ['Bob', [], auth.clock.now()],
    ]);
  });

  test('take a name that is another account’s verified address, and an address that is another’s name; none is verified twice', async () => {
    await auth.createUser({ username: 'owner', email: 'Owned@example.com', emailVerified: true });
    await auth.createUser({ username: 'named@example.com' });
    const results = await imported([
      { username: 'owned@EXAMPLE.com' },
      { username: 'ada', email: 'named@example.com', emailVerified: true },
      { username: 'bob', email: 'named@example.com' },
      { username: 'carol', email: 'owned@example.com', emailVerified: true },
      { email: 'both@example.com', emailVerified: true },
      { username: 'dora', email: 'both@example.com', emailVerified: true },
      { username: 'emil', email: 'new@example.com', emailVerified: true },
      { username: 'fred', email: 'new@example.com', emailVerified: true },
    ]);
    expect(outcomes(results)).toEqual(['created', 'created', 'created', 'created', 'created', 'created', 'created', 'created']);
    const verified = await auth.users.findAll({ order: ['id'] });
    expect(verified.map(({ username, verified_email_fold }) => [username, verified_email_fold])).toEqual([
      ['owner', 'owned@example.com'],
      ['named@example.com', null],
      ['owned@EXAMPLE.com', null],
      ['ada', 'named@example.com'],
      ['bob', null],
      ['carol', null],
      ['both@example.com', 'both@example.com'],
      ['dora', null],
      ['emil', 'new@example.com'],
      ['fred', null],
    ]);
    expect(results[3]?.notes).toContain('email is imported as unverified: another account has verified it');
  });
});

describe('the FastAPI original’s file', () => {
  test('is merged: each logs in as before, look-alikes too, under a new id', async () => {
    await auth.createUser({ username: 'somebody-else' });
    await placeFastApiDatabase(folder.file('old.db'));
    const merge = () => all(auth.services.transfer.importUsers(readFastApiUsers(folder.file('old.db')), { dryRun: false, by: OPERATOR }));
    const users = fastApiUsers();
    const results = await merge();
    expect(results.map(({ line, status, username }) => [line, status, username])).toEqual(
      users.map(({ id, username }) => [id, 'created', username]),
    );
    // Two are enough here: each takes as long as its hash is dear.
    for (const { username, password } of users.filter((user) => user.username.toLowerCase() === 'bob')) {
      const { user } = await auth.services.auth.logIn({ username, password }, CLIENT);
      expect(user).toMatchObject({ username });
    }
    expect(statuses(await merge())).toEqual(users.map(() => 'exists'));
  });

  test('gives nobody a name that is somebody’s, or looks like it', async () => {
    await auth.createUser({ username: 'Ada' });
    await placeFastApiDatabase(folder.file('old.db'), [
      'DELETE FROM users',
      ...["'Ada'", "'ADA'", "'x'", "'two words'", "''", 'NULL', `'${'y'.repeat(1025)}'`].map(
        (name, at) => `INSERT INTO users (id, username, hashed_password) VALUES (${at + 1}, ${name}, NULL)`,
      ),
      "INSERT INTO users (id, username, hashed_password) VALUES (8, 'plain', 'a password')",
    ]);
    const results = await all(auth.services.transfer.importUsers(readFastApiUsers(folder.file('old.db')), { dryRun: false, by: OPERATOR }));
    // The second is a look-alike of the first, who is there by that very name.
    expect(outcomes(results)).toEqual([
      'exists',
      'created',
      'created',
      'created',
      'created',
      'username: required',
      'username: too_long',
      'password_hash: format',
    ]);
    expect(await auth.users.findOne({ where: { username: 'ADA' } })).toMatchObject({ username_fold: null, lookalike_fold: 'ada' });
    await auth.users.destroy({ where: {} });
    await auth.createUser({ username: 'ada' });
    const others = await all(auth.services.transfer.importUsers(readFastApiUsers(folder.file('old.db')), { dryRun: false, by: OPERATOR }));
    expect(outcomes(others).slice(0, 2)).toEqual(['username: not_allowed', 'username: not_allowed']);
  });

  test('is refused where it is none', async () => {
    await placeFastApiDatabase(folder.file('other.db'), ['DROP TABLE users']);
    for (const file of ['other.db', 'absent.db'])
      await expect(all(readFastApiUsers(folder.file(file)))).rejects.toMatchObject({ code: 'malformed_request' });
  });
});

describe('an export', () => {
  test('is what an import makes the same users of, those with adopted names too', async () => {
    await imported([
      {
        username: 'ada',
        email: 'ada@example.com',
        emailVerified: true,
        displayName: 'Ada',
        roles: ['admin', 'editor'],
        passwordHash: '$2b$04$abcdefghijklmnopqrstuuO7Jm1h0nV9v1Q1m8dP3h1wP5m6h0gDW',
        hashTruncates: false,
      },
      { username: 'bob', email: 'bob@example.com', disabled: true, createdAt: new Date('2020-01-01T00:00:00Z') },
      { username: 'Bob', adopted: { looksLike: 'bob' } },
      { username: 'two words', adopted: {} },
    ]);
    const first = await exported();
    expect(first.map(({ username, adopted = false, looks_like = null }) => [username, adopted, looks_like])).toEqual([
      ['ada', false, null],
      ['bob', false, null],
      ['Bob', true, 'bob'],
      ['two words', true, null],
    ]);
    const text = first.map((user) => JSON.stringify(user)).join('\n');
    await auth.users.destroy({ where: {} });
    expect(statuses(await importText(text))).toEqual(Array<string>(4).fill('created'));
    const withoutIds = (users: typeof first) => users.map((user) => ({ ...user, id: 0 }));
    expect(withoutIds(await exported())).toEqual(withoutIds(first));
    expect((await exported(false)).some((user) => 'password_hash' in user)).toBe(false);

    await auth.users.destroy({ where: {} });
    expect(outcomes(await importText(text, ADMIN))).toEqual(['created', 'created', 'exists', 'username: format']);
  });

  test('has every user of many, and is recorded before the first is given out', async () => {
    await imported(many(1100));
    const events = await eventsOf(async () => {
      for await (const user of auth.services.transfer.exportUsers({ withHashes: true, by: OPERATOR }))
        if (user.username === 'user-3') break;
    });
    expect(events).toEqual(['users.exported {"password_hashes":true}']);
    expect(new Set((await exported(false)).map(({ username }) => username)).size).toBe(1100);
  });
});
