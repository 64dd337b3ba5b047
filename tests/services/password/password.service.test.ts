import { pbkdf2Sync, scryptSync } from 'node:crypto';
import { afterAll, describe, expect, test } from '@jest/globals';
import bcrypt from 'bcryptjs';
import { createHasher } from '../../../src/adapters/hasher.js';
import { createPasswordService, type StoredHash } from '../../../src/services/password/password.service.js';

const ROUNDS = 5;
const hasher = createHasher({ threads: 2, queueLimit: 1000 });
const passwords = createPasswordService({ hasher, rounds: ROUNDS });
const dear = createPasswordService({ hasher, rounds: ROUNDS + 1 });
afterAll(() => hasher.close());

const ours = (hash: string): StoredHash => ({ hash, imported: false });
const adopted = (hash: string): StoredHash => ({ hash, imported: true });
const VALID = { valid: true, outdated: false };
const OUTDATED = { valid: true, outdated: true };
const WRONG = { valid: false, outdated: false };

const bare = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
const pbkdf2Hash = (password: string): string =>
  `$pbkdf2-sha256$10$c2FsdHNhbHQ$${bare(pbkdf2Sync(password, 'saltsalt', 10, 32, 'sha256'))}`;
const nfkcHash = (text: string): string =>
  `$scrypt-nfkc$ln=4,r=8,p=1$c2FsdHNhbHQ$${bare(scryptSync(text, 'saltsalt', 32, { N: 16, r: 8, p: 1 }))}`;

const ASCII = 'correct horse battery staple';
const UNICODE = 'contraseña ключ 😀😀';
/** 71 characters, 72 bytes. */
const EXACT = `${'a'.repeat(70)}é`;
const LONG = `${'L'.repeat(100)} ключ 😀`;

/**
 * Made by passlib 1.7.4 on bcrypt 3.2.2, which is what the FastAPI original hashes with:
 * `bcrypt.using(rounds=5, ident=…).hash(password)` and `bcrypt_sha256.using(rounds=5, version=2).hash(password)`.
 */
const PASSLIB = {
  plain: [
    ['$2b$', ASCII, '$2b$05$xgazOThRWUQkKOPOJoH8wevJAylHZHskcLnKIY8KPzvHMKTjdmuS6'],
    ['$2a$', ASCII, '$2a$05$0PtvTMqFVwWsPk1ibWzjLuB9FKDYA2xhqkPnveoT24G3MHDlPDCvi'],
    ['$2y$', ASCII, '$2y$05$vnyFSCJldcCLdi3cjEZMXuF6jyxc5pLuPT908tXR4vL4x0Tkbulj2'],
    ['$2b$ of other alphabets', UNICODE, '$2b$05$/0vNZ1tXA9AFVo4YgLi5GuBrQ8lfxw5.JbRMa1htUCyw2y0fc9Jou'],
    ['$2b$ of 72 bytes', EXACT, '$2b$05$VDP5uM1a4l.u/lJ2u4abu.gLcyt0epynP6bD.nNzZQShwjnDUDGoK'],
  ],
  sha256: [
    ['ASCII', ASCII, '$bcrypt-sha256$v=2,t=2b,r=5$xdg1EtSruoRZr.y5JHEY8.$xWUGbnlwHNEJddfaXvEYUrtL8OgwLGO'],
    ['other alphabets', UNICODE, '$bcrypt-sha256$v=2,t=2b,r=5$cHgkUh6TdXNA6Lc..I1qDu$bGAAIpPU76MyLUOOtBV4w1zrDObPBxu'],
    ['72 bytes', EXACT, '$bcrypt-sha256$v=2,t=2b,r=5$DCnRcBBcqmfD9XU35AwITu$Ytc1QwWm2AAapUURXOy2qG3mpk1PP26'],
    ['more than 72 bytes', LONG, '$bcrypt-sha256$v=2,t=2b,r=5$PtorwCW7qbqfJJSn5a.1O.$bHOQd/zEaSXocyWzKKfbO6oMtuyQuoW'],
  ],
  /** Of LONG, so of its first 72 bytes. */
  cut: '$2b$05$vmXNkY9dtROL43IZ2TEC3ORW3mrDBGhl/hRB1V93zGPLkFkCnUW.2',
  /** passlib's older format, `bcrypt_sha256.using(rounds=5, version=1)`, of ASCII. */
  version1: '$bcrypt-sha256$2b,5$ixk7qEoahyJXwPCYONJ8FO$rN1fZQQHNn/nC6iWmiOdP0oI3yk4VYm',
} as const;

describe('a new hash', () => {
  test.each([
    ['ASCII', ASCII],
    ['other alphabets', UNICODE],
    ['72 bytes', EXACT],
  ])('of %s is plain bcrypt, which any implementation verifies', async (_, password) => {
    const hash = await passwords.hash(password);
    expect(hash).toMatch(/^\$2b\$05\$[./A-Za-z0-9]{53}$/);
    expect(await bcrypt.compare(password, hash)).toBe(true);
    expect(await passwords.verify(password, ours(hash))).toEqual(VALID);
  });

  test.each([
    ['73 bytes of ASCII', 'b'.repeat(73)],
    ['73 bytes in fewer characters', `${'a'.repeat(71)}é`],
    ['256 characters of four bytes', '😀'.repeat(256)],
    ['much more than 72 bytes', LONG],
  ])('of %s is in passlib’s format, and every byte counts', async (_, password) => {
    const hash = await passwords.hash(password);
    expect(hash).toMatch(/^\$bcrypt-sha256\$v=2,t=2b,r=5\$[./A-Za-z0-9]{22}\$[./A-Za-z0-9]{31}$/);
    expect(await passwords.verify(password, ours(hash))).toEqual(VALID);
    for (const wrong of [`${password}x`, password.slice(0, -1), `${password.slice(0, -2)}xx`]) {
      expect(await passwords.verify(wrong, ours(hash))).toEqual(WRONG);
    }
  });

  test('of one password is another each time', async () => {
    for (const password of [ASCII, LONG]) expect(await passwords.hash(password)).not.toBe(await passwords.hash(password));
  });

  test('keeps the password exactly: no trimming, no normal form, no case', async () => {
    const password = ' jose\u0301 Pass ';
    const stored = ours(await passwords.hash(password));
    expect(await passwords.verify(password, stored)).toEqual(VALID);
    for (const other of [password.trim(), password.normalize('NFC'), password.toLowerCase()]) {
      expect(await passwords.verify(other, stored)).toEqual(WRONG);
    }
  });

  test.each([
    ['seven characters', 'sevench', undefined, 'password_too_short'],
    ['seven characters of two units', '😀'.repeat(7), undefined, 'password_too_short'],
    ['257 characters', 'ab'.repeat(128) + 'c', undefined, 'password_too_long'],
    ['a common one', 'password123', undefined, 'password_too_common'],
    ['a common one in other case', 'PassWord123', undefined, 'password_too_common'],
    ['the name', 'ada.lovelace', 'ada.lovelace', 'password_contains_username'],
    ['the name in other case and width', 'ＡDA.Lovelace', 'ada.lovelace', 'password_contains_username'],
    ['one with NUL', 'a good pass\0word', undefined, 'validation_failed'],
    ['a common one that is the name', 'password123', 'Password123', 'validation_failed'],
  ])('of %s is refused', async (_, password, username, code) => {
    await expect(passwords.hash(password, username)).rejects.toMatchObject({ code });
  });

  test.each([
    ['eight characters', 'eightchr'],
    ['256 characters', 'ab'.repeat(128)],
  ])('of %s is taken, whoever it is for but its namesake', async (_, password) => {
    expect(await passwords.verify(password, ours(await passwords.hash(password, 'ada')))).toEqual(VALID);
  });

  test('a refusal names each rule that was broken, and never the password', async () => {
    await expect(passwords.hash('a good pass\0word')).rejects.toMatchObject({
      details: { fields: [{ path: 'password', code: 'format', message: 'may have any character but NUL' }] },
    });
    const fault: unknown = await passwords.hash('password123', 'Password123').catch((error: unknown) => error);
    expect(fault).toMatchObject({
      details: {
        fields: [
          { path: 'password', code: 'password_too_common' },
          { path: 'password', code: 'password_contains_username' },
        ],
      },
    });
    expect(JSON.stringify(fault)).not.toMatch(/password123/i);
  });
});

describe('hashes made by passlib', () => {
  test.each(PASSLIB.plain)('%s is verified', async (_, password, hash) => {
    for (const stored of [ours(hash), adopted(hash)]) {
      expect(await passwords.verify(password, stored)).toMatchObject({ valid: true });
      expect(await passwords.verify(`x${password}`, stored)).toEqual(WRONG);
      expect(await passwords.verify('', stored)).toEqual(WRONG);
    }
  });

  test.each(PASSLIB.sha256)('$bcrypt-sha256$ of %s is verified', async (_, password, hash) => {
    expect(await passwords.verify(password, ours(hash))).toEqual(VALID);
    expect(await passwords.verify(`${password}x`, ours(hash))).toEqual(WRONG);
    expect(await passwords.verify('', ours(hash))).toEqual(WRONG);
  });
});

describe('passwords over 72 bytes', () => {
  test('our own $2b$ hash refuses them, also where its first 72 bytes are right', async () => {
    const hash = await passwords.hash(EXACT);
    expect(await passwords.verify(`${EXACT}x`, ours(hash))).toEqual(WRONG);
    expect(await passwords.verify(LONG, ours(PASSLIB.cut))).toEqual(WRONG);
  });

  test('an adopted hash takes them by their first 72, as it did where it came from, and is not replaced', async () => {
    expect(await dear.verify(LONG, adopted(PASSLIB.cut))).toEqual(VALID);
    expect(await dear.verify('L'.repeat(72), adopted(PASSLIB.cut))).toEqual(VALID);
    expect(await dear.verify('L'.repeat(71), adopted(PASSLIB.cut))).toEqual(WRONG);
    expect(await dear.verify(`l${LONG.slice(1)}`, adopted(PASSLIB.cut))).toEqual(WRONG);
  });

  test('the cut may go through a character', async () => {
    const hash = await bcrypt.hash(`${'a'.repeat(71)}é`, ROUNDS);
    expect(await passwords.verify(`${'a'.repeat(71)}é and more`, adopted(hash))).toEqual(VALID);
    expect(await passwords.verify(`${'a'.repeat(71)}z and more`, adopted(hash))).toEqual(WRONG);
  });

  test('a $bcrypt-sha256$ hash cuts nothing, flagged or not', async () => {
    const [, , , [, password, hash]] = PASSLIB.sha256;
    expect(await passwords.verify(`${password}x`, adopted(hash))).toEqual(WRONG);
  });
});

describe('a hash is outdated', () => {
  const [[, , plain], [, , other], , , [, , exact]] = PASSLIB.plain;
  const [, , , [, , sha256]] = PASSLIB.sha256;
  test.each([
    ['of lower cost', ASCII, ours(plain), OUTDATED],
    ['of lower cost in passlib’s long format', LONG, ours(sha256), OUTDATED],
    ['adopted, of lower cost', ASCII, adopted(plain), OUTDATED],
    ['ours, of exactly 72 bytes', EXACT, ours(exact), OUTDATED],
    ['of a variant that we don’t write', ASCII, adopted(other), OUTDATED],
  ])('when it is %s', async (_, password, stored, verification) => {
    expect(await dear.verify(password, stored)).toEqual(verification);
  });

  test('but not when it is adopted and its password has 72 bytes, as a tail may have been cut', async () => {
    expect(await dear.verify(EXACT, adopted(exact))).toEqual(VALID);
  });

  test('also when its cost is higher than the usual, so that it is replaced by a cheaper one', async () => {
    const cheap = createPasswordService({ hasher, rounds: ROUNDS - 1 });
    expect(await cheap.verify(ASCII, ours(plain))).toEqual(OUTDATED);
    expect(await cheap.verify(LONG, ours(sha256))).toEqual(OUTDATED);
    expect(await cheap.verify(EXACT, adopted(exact))).toEqual(VALID);
  });

  test('but not when the password is wrong', async () => {
    expect(await dear.verify('wrong password', ours(plain))).toEqual(WRONG);
  });

  test('and is made anew by the usual rules but without the rules for new passwords', async () => {
    expect(await dear.rehash('x', ours(plain))).toMatch(/^\$2b\$06\$/);
    expect(await dear.rehash(LONG, ours(plain))).toMatch(/^\$bcrypt-sha256\$v=2,t=2b,r=6\$/);
  });
});

describe('a password in another normal form', () => {
  const [COMPOSED, DECOMPOSED, MIXED] = ['Cr\u00e8me br\u00fbl\u00e9e', 'Cre\u0300me bru\u0302le\u0301e', 'Cr\u00e8me bru\u0302l\u00e9e'];
  const cheap = createPasswordService({ hasher, rounds: ROUNDS - 1 });

  test.each([
    ['plain bcrypt', (password: string) => adopted(bcrypt.hashSync(password, ROUNDS - 1))],
    ['$2y$', (password: string) => adopted(bcrypt.hashSync(password, ROUNDS - 1).replace('$2b$', '$2y$'))],
    ['PBKDF2', (password: string) => ours(pbkdf2Hash(password))],
  ])('is right against an imported hash, %s, and against the one that replaces it', async (_format, hashOf) => {
    for (const [made, other] of [
      [COMPOSED, DECOMPOSED],
      [DECOMPOSED, COMPOSED],
    ] as const) {
      const stored = hashOf(made);
      for (const sent of [made, other, MIXED]) {
        expect(await passwords.verify(sent, stored)).toEqual(OUTDATED);
        const renewed = ours(await passwords.rehash(sent, stored));
        expect(renewed.hash).toMatch(/^\$bcrypt-sha256\$v=2,t=2b,r=5,nf=nfc\$/);
        for (const spelling of [made, other, MIXED]) expect(await passwords.verify(spelling, renewed)).toEqual(VALID);
        expect(await passwords.verify(COMPOSED.replace('\u00e8', 'e'), renewed)).toEqual(WRONG);
        // A later change of BCRYPT_ROUNDS replaces it by one that accepts the same.
        expect(await cheap.verify(sent, renewed)).toEqual(OUTDATED);
        expect(await cheap.verify(made, ours(await cheap.rehash(other, renewed)))).toEqual(VALID);
      }
    }
  });

  test('is right against an imported hash of a format that this service writes', async () => {
    for (const hash of [bcrypt.hashSync(DECOMPOSED, ROUNDS), await passwords.hash(`${DECOMPOSED} ${LONG}`)]) {
      const sent = hash.startsWith('$2b$') ? COMPOSED : `${COMPOSED} ${LONG}`;
      expect(await passwords.verify(sent, adopted(hash))).toEqual(VALID);
      expect(await passwords.verify(sent, ours(hash))).toEqual(WRONG);
    }
  });

  test('is right against a hash of the NFKC form before and after it is replaced, in compatibility characters too', async () => {
    const spellings = ['\ufb01ne cre\u0300me', 'fine cr\u00e8me', '\uff46ine cr\u00e8me'];
    const stored = ours(nfkcHash('fine cr\u00e8me'));
    for (const sent of spellings) {
      expect(await passwords.verify(sent, stored)).toEqual(OUTDATED);
      const renewed = ours(await passwords.rehash(sent, stored));
      for (const spelling of spellings) expect(await passwords.verify(spelling, renewed)).toEqual(VALID);
    }
  });

  test('is wrong against a hash that was made here', async () => {
    const stored = ours(await passwords.hash(COMPOSED));
    expect(await passwords.verify(DECOMPOSED, stored)).toEqual(WRONG);
    expect(await cheap.verify(COMPOSED, ours(await cheap.rehash(COMPOSED, stored)))).toEqual(VALID);
    expect(await cheap.verify(DECOMPOSED, ours(await cheap.rehash(COMPOSED, stored)))).toEqual(WRONG);
  });
});

describe('what can never be right', () => {
  test('a password with NUL, whatever stands before it', async () => {
    const hash = await bcrypt.hash('before', ROUNDS);
    for (const password of ['before\0', 'before\0after', '\0']) {
      expect(await passwords.verify(password, ours(hash))).toEqual(WRONG);
      expect(await passwords.verify(password, adopted(hash))).toEqual(WRONG);
    }
  });

  test('nobody’s password', async () => {
    for (const password of ['', ASCII, LONG]) expect(await passwords.verify(password, undefined)).toEqual(WRONG);
  });

  test('an empty password, also where a hash was made of one', async () => {
    const argon2OfNul = '$argon2id$v=19$m=64,t=2,p=1$c2FsdHNhbHQ$xnnXNWtpatLoEHi88pVJThBLgQfZahiw5VzEqDxIsAc';
    for (const hash of [await bcrypt.hash('', ROUNDS), argon2OfNul]) {
      for (const stored of [ours(hash), adopted(hash)]) expect(await passwords.verify('', stored)).toEqual(WRONG);
    }
  });

  const [[, , plain]] = PASSLIB.plain;
  test.each([
    ['none', null],
    ['empty', ''],
    ['the password itself', ASCII],
    ['cut short', plain.slice(0, -1)],
    ['too long', `${plain}a`],
    ['with a line break behind', `${plain}\n`],
    ['of another variant', plain.replace('$2b$', '$2x$')],
    ['of another character', `${plain.slice(0, -1)}!`],
    ['of cost 3', plain.replace('$05$', '$03$')],
    ['of cost 0', plain.replace('$05$', '$00$')],
    ['of cost 31', plain.replace('$05$', '$31$')],
    ['of cost 99', plain.replace('$05$', '$99$')],
    ['of cost 31 in the long format', PASSLIB.sha256[0][2].replace('r=5', 'r=31')],
    ['in passlib’s older format, of cost 31', PASSLIB.version1.replace('2b,5', '2b,31')],
    ['argon2d', '$argon2d$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$RdescudvJCsgt3ub+b4dWRWJTmaaJObG'],
    ['SHA-256 in hex', '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'],
    ['not usable by choice', '!'],
  ])('a hash that is %s, and it is refused at once', async (_, hash) => {
    const refused = passwords.verify(ASCII, { hash, imported: false });
    expect(await refused).toEqual(WRONG);
    expect(await passwords.verify('', { hash, imported: true })).toEqual(WRONG);
  });
});
