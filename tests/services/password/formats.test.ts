import { afterAll, describe, expect, test } from '@jest/globals';
import { createHasher } from '../../../src/adapters/hasher.js';
import { readHash as readHashAt, needsOrigin } from '../../../src/services/password/formats.js';
import { createPasswordService } from '../../../src/services/password/password.service.js';
import { foreignHashes } from '../../support/foreign-hashes.js';

const FOREIGN = foreignHashes();
const readHash = (hash: string) => readHashAt(hash, 4).known;
const hashFault = (hash: string) => readHashAt(hash, 4).fault;
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
  const UNKNOWN = 'is in no supported format';
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
    [
      'bcrypt of cost 15',
      hashOf('$2b$').replace('$04$', '$15$'),
      /^has a bcrypt cost of 15; the maximum is 14, about one second of one core$/,
    ],
    ['bcrypt of cost 3', hashOf('$2y$').replace('$04$', '$03$'), /cost of 3; the minimum is 4/],
    ['bcrypt_sha256 of cost 31', hashOf('$bcrypt-sha256$ version 2').replace('r=4', 'r=31'), /cost of 31; the maximum is 14/],
    ['older bcrypt_sha256 of cost 31', hashOf('$bcrypt-sha256$ version 1').replace('2b,4', '2b,31'), /cost of 31; the maximum is 14/],
    ['bcrypt_sha256 of a later version', hashOf('$bcrypt-sha256$ version 2').replace('v=2', 'v=3'), /malformed/],
    ['Django’s bcrypt of cost 15', hashOf('Django’s bcrypt').replace('$04$', '$15$'), /cost of 15; the maximum is 14/],
    [
      'over 2.5 million iterations',
      django.replace(/\$\d+\$/, '$2500001$'),
      /^has 2,500,001 PBKDF2 iterations; the maximum is 2,500,000, about one second of one core$/,
    ],
    ['as many of them as can be written', pbkdf2.replace(/\$\d+\$/, '$999999999$'), /999,999,999 PBKDF2 iterations/],
    ['more than can be', django.replace(/\$\d+\$/, '$99999999999999999999$'), /malformed/],
    [
      '2.5 million in the end',
      hashOf('$pbkdf2$ of 64 bytes').replace('$500$', '$625001$'),
      /has 2,500,004 PBKDF2 iterations in 4 blocks of the digest/,
    ],
    ['no iterations', pbkdf2.replace(/\$\d+\$/, '$0$'), /no PBKDF2 iterations/],
    ['iterations in hex', pbkdf2.replace(/\$\d+\$/, '$0x10$'), /malformed/],
    ['a salt of 257 bytes', django.replace(/\$[^$]+(?=\$[^$]+$)/, `$${'s'.repeat(257)}`), /salt of under 1 or over 256/],
    ['a salt of 750 bytes', scrypt.replace(/\$[^$]+(?=\$[^$]+$)/, `$${LONG_SALT}`), /salt of under 1 or over 256/],
    ['a digest of 750 bytes', `${argon2}${LONG_SALT}`, /digest of under 16 or over 128/],
    ['a digest of six bytes, which chance could meet', pbkdf2.replace(/[^$]+$/, 'AAAAAAAA'), /digest of under 16/],
    ['Argon2 over 256 MiB', phc('m=262145,t=1,p=1'), /^has an Argon2 memory of 257 MiB; the maximum is 256 MiB$/],
    [
      'Argon2 over 512 MiB in all',
      phc('m=174763,t=3,p=1'),
      /^has an Argon2 memory of 513 MiB in all passes; the maximum is 512 MiB, about one second of one core$/,
    ],
    ['Argon2 of 17 passes', phc('m=64,t=17,p=1'), /Argon2 t of 17; the maximum is 16/],
    ['Argon2 of 17 lanes', phc('m=1024,t=1,p=17'), /Argon2 p of 17; the maximum is 16/],
    ['Argon2 of less memory than its lanes need', phc('m=15,t=1,p=2'), /does not allow/],
    ['Argon2 of no passes', phc('m=64,t=0,p=1'), /does not allow/],
    ['Argon2 of no lanes', phc('m=64,t=1,p=0'), /does not allow/],
    ['Argon2 with a salt of 6 bytes', argon2.replace(/\$[^$]+(?=\$[^$]+$)/, '$AAAAAAAA'), /does not allow/],
    ['Argon2 of another version', argon2.replace('v=19', 'v=16'), /malformed/],
    ['Argon2 that names no version', argon2.replace('$v=19', ''), /malformed/],
    ['Argon2d', argon2.replace('argon2id', 'argon2d'), /malformed/],
    ['scrypt over 256 MiB', withScrypt('ln=18,r=9,p=1'), /scrypt memory of 288 MiB; the maximum is 256 MiB/],
    ['scrypt of the largest N', withScrypt('ln=99,r=8,p=1'), /the maximum is 256 MiB|does not allow/],
    ['scrypt over 512 MiB in all', withScrypt('ln=17,r=8,p=5'), /scrypt memory of 640 MiB in all passes; the maximum is 512 MiB/],
    ['scrypt of 17 lanes', withScrypt('ln=4,r=8,p=17'), /scrypt p of 17; the maximum is 16/],
    ['scrypt of r over 1024', withScrypt('ln=4,r=1025,p=1'), /scrypt r of 1025; the maximum is 1,024/],
    ['scrypt of r that N is too large for', withScrypt('ln=16,r=1,p=1'), /does not allow/],
    ['scrypt of N 1', withScrypt('ln=0,r=8,p=1'), /does not allow/],
    ['scrypt of no lanes', withScrypt('ln=4,r=8,p=0'), /does not allow/],
    ['Django’s scrypt of N that is no power of two', djangoScrypt('1000'), /malformed/],
    ['Django’s scrypt of N 0', djangoScrypt('0'), /malformed/],
    ['Django’s scrypt over 256 MiB', djangoScrypt('536870912'), /the maximum is 256 MiB/],
    ['Firebase’s over 256 MiB', firebase('n=19,r=8,p=1'), /the maximum is 256 MiB/],
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
    expect(await passwords().verify('correct horse battery staple', { hash, imported: false })).toEqual({ valid: false, outdated: false });
  });

  test('accepts hashes at each maximum', () => {
    const within = [
      hashOf('$2b$').replace('$04$', '$14$'),
      django.replace(/\$\d+\$/, '$2500000$'),
      hashOf('$pbkdf2$ of 64 bytes').replace('$500$', '$625000$'),
      ...['m=262144,t=2,p=1', 'm=32768,t=16,p=16', 'm=8,t=1,p=1'].map(phc),
      ...['ln=18,r=8,p=2', 'ln=15,r=1,p=1', 'ln=11,r=1024,p=2'].map(withScrypt),
      firebase('n=18,r=8,p=1'),
    ];
    for (const hash of within) expect([hash, hashFault(hash)]).toEqual([hash, undefined]);
  });

  test.each([
    ['Django 6.1, PBKDF2', django.replace(/\$\d+\$/, '$1500000$')],
    ['Django, Argon2', phc('m=102400,t=2,p=8')],
    ['Django, scrypt', withScrypt('ln=14,r=8,p=5')],
    ['OWASP, PBKDF2 with SHA-1', django.replace('sha256', 'sha1').replace(/\d{3,}\$(.+)\$.+$/, `1400000$$$1$$${'A'.repeat(27)}=`)],
    ['Keycloak, Argon2', phc('m=7168,t=5,p=1')],
    ['Keycloak, PBKDF2 with SHA-512', pbkdf2.replace(/^\$pbkdf2-sha256\$\d+/, '$pbkdf2-sha512$210000')],
    ['argon2-cffi and RFC 9106, Argon2', phc('m=65536,t=3,p=4')],
    ['PHP, Argon2', phc('m=65536,t=4,p=1')],
    ['OWASP, Argon2', phc('m=47104,t=1,p=1')],
    ['OWASP, scrypt', withScrypt('ln=17,r=8,p=1')],
    ['passlib, scrypt', withScrypt('ln=16,r=8,p=1')],
    ['better-auth, scrypt', withScrypt('ln=14,r=16,p=1')],
    ['Firebase, scrypt', firebase('n=14,r=8,p=1')],
    ['Supabase, bcrypt', hashOf('$2b$').replace('$04$', '$10$')],
    ['Caddy, bcrypt', hashOf('$2b$').replace('$04$', '$14$')],
  ])('accepts the default of %s', (_, hash) => {
    expect(hashFault(hash)).toBeUndefined();
  });

  test('accepts bcrypt up to the own cost of a service that is above the maximum', () => {
    const faultAt = (cost: string) => readHashAt(hashOf('$2b$').replace('$04$', `$${cost}$`), 16).fault;
    expect([faultAt('16'), faultAt('17')]).toEqual([undefined, expect.stringContaining('the maximum is 16')]);
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
    const stored = { hash, imported: truncates };
    const valid = { valid: true, outdated: !/^\$(2b|bcrypt-sha256\$v=2)/.test(hash) };
    const service = passwords();
    expect(hashFault(hash)).toBeUndefined();
    expect(needsOrigin(hash)).toBe(truncates || hash.startsWith('$bcrypt-sha256$v=2'));
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
    const stored = { hash: compatible.hash, imported: false };
    for (const form of ['NFD', 'NFKC'] as const)
      expect((await passwords().verify(compatible.password.normalize(form), stored)).valid).toBe(true);
    const fullwidth = `\uff01${other.password}`;
    expect((await passwords().verify(fullwidth.normalize('NFKC'), { hash: other.hash, imported: false })).valid).toBe(false);
  });

  test('none takes a password that nobody can have', async () => {
    for (const { hash } of FOREIGN.filter(({ hash }) => !/ln=14|n=14/.test(hash)))
      for (const password of ['with\0NUL', '\ud83d half a pair'])
        expect(await passwords().verify(password, { hash, imported: false })).toEqual({ valid: false, outdated: false });
  });

  test('only plain bcrypt may have cut passwords off', () => {
    expect(FOREIGN.filter(({ truncates }) => truncates).map(({ hash }) => hash)).toEqual(
      FOREIGN.map(({ hash }) => hash).filter((hash) => /^(bcrypt\$)?\$2[aby]\$/.test(hash)),
    );
  });

  test('a format that shows where its hash was made needs no flag', () => {
    expect([needsOrigin(''), needsOrigin('$2b$31$'), needsOrigin('!')]).toEqual([false, false, false]);
  });
});
