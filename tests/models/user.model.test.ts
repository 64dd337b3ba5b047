import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type CreationAttributes, UniqueConstraintError } from 'sequelize';
import { createDatabase, type Database } from '../../src/adapters/database.js';
import { migrate } from '../../src/adapters/migrator.js';
import { loginIdentifier } from '../../src/lib/login-identifier.js';
import { foldName } from '../../src/lib/names.js';
import { countLike, hashSettings } from '../../src/models/hash-settings.js';
import { createModels, type Models } from '../../src/models/index.js';
import type { User } from '../../src/models/user.model.js';
import { openTarget, type TestTarget, targets } from '../support/test-database.js';

describe.each(targets)('users in %s', (kind) => {
  let target: TestTarget;
  let database: Database;
  let User: Models['User'];
  const now = new Date(Date.UTC(2026, 0, 1, 12, 0, 0, 123));

  const add = (username: string, further: Partial<CreationAttributes<User>> & { lookalike_fold?: string } = {}) =>
    User.create({
      username,
      username_fold: foldName(username),
      hashed_password: `hash of ${username}`,
      email: null,
      email_verified_at: null,
      roles: ['user'],
      disabled_at: null,
      created_at: now,
      updated_at: now,
      ...further,
    });
  const found = async (name: string) => {
    const candidates = await User.findCandidates(loginIdentifier(name));
    const identified = candidates.map((user) => user && { id: user.id, hashed_password: user.hashed_password, limits_epoch: 0 });
    expect(await User.identify(loginIdentifier(name))).toEqual(identified);
    const usernames = candidates.map((user) => user?.username);
    return usernames.length === 1 ? usernames[0] : usernames;
  };
  const taken = (name: string) => User.isNameTaken(name, foldName(name));

  beforeAll(async () => {
    target = await openTarget(kind);
    database = createDatabase(target.target);
    await migrate(database);
    ({ User } = createModels(database.sequelize));
    await add('Ada');
    await add('Bob');
    await add('bob', { username_fold: null, lookalike_fold: 'bob' });
    await add('percent%');
  });
  afterAll(async () => {
    await database.close();
    await target.drop();
  });

  test('what was stored comes back in its types', async () => {
    const { id, ...rest } = (await User.findOne({ where: { username: 'Ada' }, rejectOnEmpty: true })).get();
    expect(Number.isSafeInteger(id)).toBe(true);
    expect(rest).toEqual({
      username: 'Ada',
      username_fold: 'ada',
      lookalike_fold: null,
      pending_email: null,
      pending_email_fold: null,
      email_set_by_admin: false,
      hashed_password: 'hash of Ada',
      hash_truncates: false,
      email: null,
      email_verified_at: null,
      email_fold: null,
      verified_email_fold: null,
      display_name: null,
      display_name_fold: null,
      roles: ['user'],
      limits_epoch: 0,
      disabled_at: null,
      created_at: now,
      updated_at: now,
    });
  });

  test('returns one stored hash for each setting whatever its salt, and one for all that are of no known format', async () => {
    const counted = async () =>
      Promise.all((await hashSettings(User)).map(async (sample) => ({ hash: sample.hash, users: await countLike(User, sample) })));
    const earlier = await User.count();
    expect(await counted()).toEqual([{ hash: expect.stringMatching(/^hash of/), users: earlier }]);
    const settings = [
      ['$2b$12$one', '$2b$12$two'],
      ['$2y$10$one', '$2y$10$two'],
      ['$bcrypt-sha256$v=2,t=2b,r=12$salt1$hash', '$bcrypt-sha256$v=2,t=2b,r=12$salt2$hash'],
      ['$bcrypt-sha256$v=2,t=2b,r=12,nf=nfc$salt1$hash', '$bcrypt-sha256$v=2,t=2b,r=12,nf=nfc$salt2$hash'],
      ['$bcrypt-sha256$2b,12$salt1$hash', '$bcrypt-sha256$2b,12$salt2$hash'],
      ['bcrypt_sha256$$2b$12$one', 'bcrypt_sha256$$2b$12$two'],
      ['bcrypt$$2b$11$one', 'bcrypt$$2b$11$two'],
      ['pbkdf2_sha256$1000$salt1$hash=', 'pbkdf2_sha256$1000$salt2$hash='],
      ['pbkdf2_sha256$2000$salt1$hash=', 'pbkdf2_sha256$2000$salt2$hash='],
      ['$pbkdf2-sha512$1000$salt1$hash', '$pbkdf2-sha512$1000$salt2$hash'],
      ['$pbkdf2-sha512$1000$salt1$twice the hash', '$pbkdf2-sha512$1000$salt2$twice the hash'],
      ['$argon2id$v=19$m=64,t=2,p=1$salt1$hash', '$argon2id$v=19$m=64,t=2,p=1$salt2$hash'],
      ['$argon2id$v=19$m=64,t=3,p=1$salt1$hash', '$argon2id$v=19$m=64,t=3,p=1$salt2$hash'],
      ['argon2$argon2id$v=19$m=64,t=2,p=1$salt1$hash', 'argon2$argon2id$v=19$m=64,t=2,p=1$salt2$hash'],
      ['$scrypt$ln=14,r=8,p=1$salt1$hash', '$scrypt$ln=14,r=8,p=1$salt2$hash'],
      ['$scrypt-nfkc$ln=14,r=8,p=1$salt1$hash', '$scrypt-nfkc$ln=14,r=8,p=1$salt2$hash'],
      ['scrypt$16384$salt1$8$1$hash', 'scrypt$16384$salt2$8$1$hash'],
      ['scrypt$16384$salt1$8$2$hash', 'scrypt$16384$salt2$8$2$hash'],
      ['scrypt$32768$salt1$8$1$hash', 'scrypt$32768$salt2$8$1$hash'],
      ['$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=key$salt1$hash', '$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=key$salt2$hash'],
    ];
    const others = ['!', '', 'a password in the clear', '9f86d081884c7d659a2feaa0c55ad015', 'md5$salt$hash'];
    const hashes = [...settings.flat(), ...others];
    await Promise.all(hashes.map((hashed_password, index) => add(`hashed-${index}`, { hashed_password })));
    const found = await counted();
    expect(found).toHaveLength(settings.length + 1);
    for (const setting of settings) expect(found.filter(({ hash }) => setting.includes(hash))).toMatchObject([{ users: setting.length }]);
    const unknown = others.length + earlier;
    expect(found.filter(({ hash }) => !settings.flat().includes(hash))).toMatchObject([{ users: unknown }]);
  });

  test.each([
    ['Ada', 'Ada'],
    ['ada', 'Ada'],
    ['ＡＤＡ', 'Ada'],
    ['Bob', 'Bob'],
    ['bob', 'bob'],
    ['BOB', 'Bob'],
    ['percent%', 'percent%'],
  ])('%s logs in as %s', async (name, username) => {
    expect(await found(name)).toBe(username);
  });

  test.each(['', ' Ada', 'Ada ', 'A%', '%', '_da', 'Ada\0', "' OR 1=1 --", '$name', ':name', '\ud83d'])('%j is nobody', async (name) => {
    expect(await found(name)).toBeUndefined();
  });

  test.each(['Ada', 'ADA', 'ａｄａ', 'Bob', 'bob', 'BOB'])('%s is taken', async (name) => {
    expect(await taken(name)).toBe(true);
  });

  test('the fold of a look-alike is taken also where the earlier name is gone', async () => {
    await add('Eve');
    await add('eve', { username_fold: null, lookalike_fold: 'eve' });
    await User.destroy({ where: { username: 'Eve' } });
    expect(await taken('EVE')).toBe(true);
    expect(await found('EVE')).toBeUndefined();
    expect(await found('eve')).toBe('eve');
  });

  test('a verified e-mail address logs in and is free as a username; one that is merely claimed does not log in', async () => {
    await add('Verified', { email_fold: 'v@example.com', verified_email_fold: 'v@example.com' });
    await add('Claimed', { email_fold: 'c@example.com' });
    for (const address of ['v@example.com', 'V@EXAMPLE.COM', 'ｖ@example.com']) {
      expect(await found(address)).toBe('Verified');
      expect(await taken(address)).toBe(false);
    }
    expect(await found('c@example.com')).toBeUndefined();
    expect(await taken('c@example.com')).toBe(false);
  });

  test('an address that is another account’s username means both accounts, the username’s first', async () => {
    await add('Both@example.com');
    await add('Addressed', { verified_email_fold: 'both@example.com' });
    for (const name of ['Both@example.com', 'both@example.com', 'BOTH@EXAMPLE.COM'])
      expect(await found(name)).toEqual(['Both@example.com', 'Addressed']);
  });

  test('a username that is an address which no account has verified means two accounts, of which one is absent', async () => {
    await add('squatted@example.com', { email_fold: 'squatted@example.com' });
    expect(await found('squatted@example.com')).toEqual(['squatted@example.com', undefined]);
  });

  test('a username that is the address which its account has verified means that account alone', async () => {
    await add('own@example.com', { verified_email_fold: 'own@example.com' });
    expect(await found('OWN@example.com')).toBe('own@example.com');
  });

  test.each(['Adam', 'Ad', 'percent', 'percentX', '%'])('%s is free', async (name) => {
    expect(await taken(name)).toBe(false);
  });

  test('a name, and a fold, can be there once', async () => {
    await expect(add('Ada', { username_fold: 'other' })).rejects.toBeInstanceOf(UniqueConstraintError);
    await expect(add('ADA')).rejects.toBeInstanceOf(UniqueConstraintError);
  });

  test('a new hash takes the place of the one that was read, and of no other', async () => {
    const user = await add('Carol');
    await database.transaction((transaction) => User.replaceHash(user, 'second', now, transaction));
    // `user` still has the first one: somebody has changed it meanwhile.
    await database.transaction((transaction) => User.replaceHash(user, 'third', now, transaction));
    expect(await User.findByPk(user.id)).toMatchObject({ hashed_password: 'second', hash_truncates: false });
    expect(await User.findOne({ where: { username: 'Ada' } })).toMatchObject({ hashed_password: 'hash of Ada' });
  });
});
