import { afterAll, describe, expect, test } from '@jest/globals';
import { createHasher } from '../../../src/adapters/hasher.js';
import { hashFault, readHash, truncatesOf } from '../../../src/services/password/formats.js';
import { createPasswordService } from '../../../src/services/password/password.service.js';
import { foreignHashes } from '../../support/foreign-hashes.js';

const FOREIGN = foreignHashes();
const named = FOREIGN.map((entry) => [`${entry.by}: ${entry.format}`, entry] as const);
const hasher = createHasher({ threads: 2, queueLimit: 1000 });
afterAll(() => hasher.close());
/** One that has met no other hash, so that a wrong guess is quick. */
const passwords = () => createPasswordService({ hasher, rounds: 4 });

const hashOf = (format: string): string => {
  const found = FOREIGN.find((entry) => entry.format === format);
  if (found === undefined) throw new TypeError(`the fixture has no ${format}`);
  return found.hash;
};

describe('a hash that can’t be taken', () => {
  const UNKNOWN = 'is in no format that is known here';
  test.each([
    ['nothing', '', UNKNOWN],
    ['a password in the clear', 'correct horse battery staple', UNKNOWN],
    ['MD5', 'md5$salt$0123456789abcdef0123456789abcdef', UNKNOWN],
    ['SHA-512 crypt', '$6$salt$hash', UNKNOWN],
    ['bcrypt’s faulty variant', hashOf('$2b$').replace('$2b$', '$2x$'), UNKNOWN],
    ['better-auth’s as it is stored there', `${'a'.repeat(32)}:${'b'.repeat(128)}`, UNKNOWN],
    ['a line break in front', `\n${hashOf('$2b$')}`, UNKNOWN],
  ])('%s', (_, hash, fault) => {
    expect(hashFault(hash)).toBe(fault);
    expect(readHash(hash)).toBeUndefined();
  });

  test.each(named)('%s: cut short, too long, or with something else in it', (_, { hash }) => {
    const [digest = ''] = /[^$]+$/.exec(hash) ?? [];
    const forms = [
      `${hash}\n`,
      `${hash}$`,
      `${hash}!`,
      hash.slice(0, -digest.length),
      `${hash.slice(0, -5)}é${hash.slice(-4)}`,
      `${hash.slice(0, -20)} `,
    ];
    for (const form of forms)
      expect([form, hashFault(form)]).toEqual([form, expect.stringMatching(/^begins like [^,].+ malformed or cut short$/)]);
    // Half a digest may be whole base64; then it is too short to be one, or no longer as long as the signer's key.
    expect(hashFault(`${hash.slice(0, -digest.length)}AAAA`)).toMatch(/malformed|under 16/);
  });

  const [pbkdf2, django, argon2, scrypt] = [hashOf('$pbkdf2$ sha256'), hashOf('Django’s PBKDF2'), hashOf('$argon2id$'), hashOf('$scrypt$')];
  const phc = (numbers: string): string => argon2.replace(/m=\d+,t=\d+,p=\d+/, numbers);
  const withScrypt = (numbers: string): string => scrypt.replace(/ln=\d+,r=\d+,p=\d+/, numbers);
  const firebase = (numbers: string): string => hashOf('$fbscrypt$').replace('n=14,r=8,p=1', numbers);
  const djangoScrypt = (n: string): string => hashOf('Django’s scrypt').replace(/^scrypt\$\d+/, `scrypt$${n}`);
  const LONG_SALT = 'A'.repeat(1000);

  test.each([
    ['bcrypt of cost 19', hashOf('$2b$').replace('$04$', '$19$'), /too dear/],
    ['bcrypt of cost 3', hashOf('$2y$').replace('$04$', '$03$'), /cost below 4/],
    ['bcrypt_sha256 of cost 31', hashOf('$bcrypt-sha256$ version 2').replace('r=4', 'r=31'), /too dear/],
    ['older bcrypt_sha256 of cost 31', hashOf('$bcrypt-sha256$ version 1').replace('2b,4', '2b,31'), /too dear/],
    ['bcrypt_sha256 of a later version', hashOf('$bcrypt-sha256$ version 2').replace('v=2', 'v=3'), /malformed/],
    ['Django’s bcrypt of cost 19', hashOf('Django’s bcrypt').replace('$04$', '$19$'), /too dear/],
    ['over five million iterations', django.replace(/\$\d+\$/, '$5000001$'), /over 5,000,000 iterations/],
    ['as many of them as can be written', pbkdf2.replace(/\$\d+\$/, '$999999999$'), /over 5,000,000 iterations/],
    ['more than can be', django.replace(/\$\d+\$/, '$99999999999999999999$'), /malformed/],
    ['five million in the end', hashOf('$pbkdf2$ of 64 bytes').replace('$500$', '$1250001$'), /over 5,000,000 iterations/],
    ['no iterations', pbkdf2.replace(/\$\d+\$/, '$0$'), /no iterations/],
    ['iterations in hex', pbkdf2.replace(/\$\d+\$/, '$0x10$'), /malformed/],
    ['a salt of 257 bytes', django.replace(/\$[^$]+(?=\$[^$]+$)/, `$${'s'.repeat(257)}`), /salt of under 1 or over 256/],
    ['a salt of 750 bytes', scrypt.replace(/\$[^$]+(?=\$[^$]+$)/, `$${LONG_SALT}`), /salt of under 1 or over 256/],
    ['a digest of 750 bytes', `${argon2}${LONG_SALT}`, /digest of under 16 or over 128/],
    ['a digest of six bytes, which chance could meet', pbkdf2.replace(/[^$]+$/, 'AAAAAAAA'), /digest of under 16/],
    ['Argon2 over 256 MiB', phc('m=262145,t=1,p=1'), /over 256 MiB of memory/],
    ['Argon2 over 1 GiB in all', phc('m=262144,t=5,p=1'), /over 1024 MiB filled/],
    ['Argon2 of 17 passes', phc('m=64,t=17,p=1'), /t over 16/],
    ['Argon2 of 17 lanes', phc('m=1024,t=1,p=17'), /p over 16/],
    ['Argon2 of less memory than its lanes need', phc('m=15,t=1,p=2'), /does not have/],
    ['Argon2 of no passes', phc('m=64,t=0,p=1'), /does not have/],
    ['Argon2 of no lanes', phc('m=64,t=1,p=0'), /does not have/],
    ['Argon2 with a salt of 6 bytes', argon2.replace(/\$[^$]+(?=\$[^$]+$)/, '$AAAAAAAA'), /does not have/],
    ['Argon2 of another version', argon2.replace('v=19', 'v=16'), /malformed/],
    ['Argon2 that names no version', argon2.replace('$v=19', ''), /malformed/],
    ['Argon2d', argon2.replace('argon2id', 'argon2d'), /malformed/],
    ['scrypt over 256 MiB', withScrypt('ln=18,r=9,p=1'), /over 256 MiB of memory/],
    ['scrypt of the largest N', withScrypt('ln=99,r=8,p=1'), /over 256 MiB|does not have/],
    ['scrypt over 1 GiB in all', withScrypt('ln=18,r=8,p=5'), /over 1024 MiB filled/],
    ['scrypt of 17 lanes', withScrypt('ln=4,r=8,p=17'), /p over 16/],
    ['scrypt of r over 1024', withScrypt('ln=4,r=1025,p=1'), /r over 1024/],
    ['scrypt of r that N is too large for', withScrypt('ln=16,r=1,p=1'), /does not have/],
    ['scrypt of N 1', withScrypt('ln=0,r=8,p=1'), /does not have/],
    ['scrypt of no lanes', withScrypt('ln=4,r=8,p=0'), /does not have/],
    ['Django’s scrypt of N that is no power of two', djangoScrypt('1000'), /malformed/],
    ['Django’s scrypt of N 0', djangoScrypt('0'), /malformed/],
    ['Django’s scrypt over 256 MiB', djangoScrypt('536870912'), /over 256 MiB/],
    ['Firebase’s over 256 MiB', firebase('n=19,r=8,p=1'), /over 256 MiB/],
    ['Firebase’s without a signer’s key', hashOf('$fbscrypt$').replace(/,sk=[^$]+/, ''), /malformed/],
    ['Firebase’s with a digest that is not as long as the key', hashOf('$fbscrypt$').replace(/[^$]+$/, 'A'.repeat(44)), /malformed/],
    [
      'Firebase’s with nothing to encrypt',
      hashOf('$fbscrypt$')
        .replace(/sk=[^$]+/, 'sk=')
        .replace(/[^$]+$/, ''),
      /malformed/,
    ],
    ['Firebase’s of another version', hashOf('$fbscrypt$').replace('v=1', 'v=2'), /malformed/],
  ])('%s', async (_, hash, fault) => {
    expect(hashFault(hash)).toMatch(fault);
    // It is refused at once, as nobody's.
    expect(await passwords().verify('correct horse battery staple', { hash, truncates: false })).toEqual({ valid: false, outdated: false });
  });

  test('what is just within the bounds can', () => {
    const within = [
      hashOf('$2b$').replace('$04$', '$18$'),
      django.replace(/\$\d+\$/, '$5000000$'),
      hashOf('$pbkdf2$ of 64 bytes').replace('$500$', '$1250000$'),
      ...['m=262144,t=4,p=1', 'm=65536,t=16,p=16', 'm=8,t=1,p=1'].map(phc),
      ...['ln=18,r=8,p=4', 'ln=15,r=1,p=1', 'ln=11,r=1024,p=4'].map(withScrypt),
      firebase('n=18,r=8,p=1'),
    ];
    for (const hash of within) expect([hash, hashFault(hash)]).toEqual([hash, undefined]);
  });

  test('none is looked for behind something else', () => {
    for (const { hash } of FOREIGN) expect([hash, hashFault(`x${hash}`)]).toEqual([hash, UNKNOWN]);
  });

  test('no fault repeats any of the hash', () => {
    for (const { hash } of FOREIGN) expect(hashFault(`${hash}!`)).not.toContain(hash.slice(-10));
  });
});

describe('hashes of other software', () => {
  test('there is one of every kind', () => {
    expect(FOREIGN.length).toBeGreaterThan(30);
    const kinds = FOREIGN.map(({ hash }) => readHash(hash)?.recipe).map((recipe) =>
      recipe?.kind === 'pbkdf2' ? recipe.hash : recipe?.kind === 'bcrypt' ? (recipe.prehash ?? 'bcrypt') : recipe?.kind,
    );
    const prehashes = ['bcrypt', 'hmac-sha256-base64', 'sha256-base64', 'sha256-hex'];
    expect([...new Set(kinds)].sort()).toEqual(['argon2i', 'argon2id', ...prehashes, 'scrypt', 'sha1', 'sha256', 'sha512'].sort());
  });

  test.each(named)('%s: its password alone is right', async (_, { password, hash, truncates }) => {
    const stored = { hash, truncates };
    const valid = { valid: true, outdated: !/^\$(2b|bcrypt-sha256\$v=2)/.test(hash) };
    const service = passwords();
    expect(hashFault(hash)).toBeUndefined();
    expect(truncatesOf(hash)).toBe(truncates);
    expect(await service.verify(password, stored)).toEqual(valid);
    const wrong = [
      `${password}x`,
      password.slice(0, -1),
      password.toUpperCase(),
      `${password.slice(0, 72)}, and no more`,
      password.trim(),
      '',
    ];
    const dear = /ln=14|n=14/.test(hash);
    for (const guess of wrong.filter((one) => one !== password).slice(0, dear ? 2 : undefined)) {
      expect(await service.verify(guess, stored)).toEqual({ valid: false, outdated: false });
    }
  });

  test('better-auth’s takes a password in any form that NFKC makes the same of, and no other format does', async () => {
    const [compatible, other] = [
      FOREIGN.find(({ password }) => password.startsWith('ﬁne')),
      FOREIGN.find(({ format }) => format === '$scrypt$'),
    ];
    if (compatible === undefined || other === undefined) throw new TypeError('the fixture has other passwords');
    const stored = { hash: compatible.hash, truncates: false };
    for (const form of ['NFD', 'NFKC'] as const)
      expect((await passwords().verify(compatible.password.normalize(form), stored)).valid).toBe(true);
    const fullwidth = `\uff01${other.password}`;
    expect((await passwords().verify(fullwidth.normalize('NFKC'), { hash: other.hash, truncates: false })).valid).toBe(false);
  });

  test('none takes a password that nobody can have', async () => {
    for (const { hash } of FOREIGN.filter(({ hash }) => !/ln=14|n=14/.test(hash)))
      for (const password of ['with\0NUL', '\ud83d half a pair'])
        expect(await passwords().verify(password, { hash, truncates: false })).toEqual({ valid: false, outdated: false });
  });

  test('only plain bcrypt is told to have cut passwords off', () => {
    expect(FOREIGN.filter(({ truncates }) => truncates).map(({ hash }) => hash)).toEqual(
      FOREIGN.map(({ hash }) => hash).filter((hash) => /^(bcrypt\$)?\$2[aby]\$/.test(hash)),
    );
    expect([truncatesOf(''), truncatesOf('$2b$31$'), truncatesOf('!')]).toEqual([false, false, false]);
  });
});
