import { describe, expect, test } from '@jest/globals';
import bcrypt from 'bcryptjs';
import type { Comparison, Hasher } from '../../../src/adapters/hasher.js';
import type { Recipe } from '../../../src/adapters/recipe.js';
import { costOf, MAXIMUM } from '../../../src/services/password/bounds.js';
import { createPasswordService, type StoredHash } from '../../../src/services/password/password.service.js';
import { foreignHashes } from '../../support/foreign-hashes.js';

const ROUNDS = 6;
const FOREIGN = foreignHashes();
const GUESS = 'a wrong guess';

/** Works nothing through, and keeps note of what it was given; every guess is wrong. */
function notingHasher(): Hasher & { readonly noted: Comparison[] } {
  const noted: Comparison[] = [];
  const matches = (comparison: Comparison): Promise<boolean> => {
    noted.push(comparison);
    return Promise.resolve(false);
  };
  return { noted, matches, digest: () => Promise.resolve(''), waiting: () => 0, close: () => Promise.resolve() };
}

const BLOCK = { sha1: 20, sha256: 32, sha512: 64 } as const;

/** All the work of a list of computations: rounds of bcrypt, iterations of each PBKDF2, and how often each other setting. */
function workOf(recipes: readonly Recipe[]): Record<string, number> {
  const work: Record<string, number> = {};
  const add = (what: string, much: number): void => {
    work[what] = (work[what] ?? 0) + much;
  };
  for (const recipe of recipes) {
    if (recipe.kind === 'bcrypt') add('bcrypt', 2 ** Number(recipe.salt.slice(4, 6)));
    else if (recipe.kind === 'pbkdf2') add(`pbkdf2 ${recipe.hash}`, recipe.iterations * Math.ceil(recipe.length / BLOCK[recipe.hash]));
    else if (recipe.kind === 'scrypt') add(`scrypt ${recipe.logN} ${recipe.r} ${recipe.p} ${recipe.form ?? ''}`, 1);
    else add(`${recipe.kind} ${recipe.memory} ${recipe.passes} ${recipe.lanes}`, 1);
  }
  return work;
}

/** What a wrong guess is worked through with against each of these hashes, in a service that knows some beforehand. */
async function worksOf(hashes: readonly (StoredHash | undefined)[], known: readonly string[]): Promise<Record<string, number>[]> {
  const hasher = notingHasher();
  const passwords = createPasswordService({ hasher, rounds: ROUNDS });
  passwords.setFormatsInUse(known);
  for (const stored of hashes) await passwords.verify(GUESS, stored);
  return hasher.noted.map(({ recipe, padding }) => workOf([recipe, ...padding]));
}

const ours = (hash: string | null): StoredHash => ({ hash, imported: false });
const usual = bcrypt.hashSync('a password', ROUNDS);
const cheap = bcrypt.hashSync('a password', 4);
const absent = [undefined, ours(null), ours(''), ours('!'), ours('md5$salt$hash'), ours('pbkdf2_sha256$9999999$salt$hash')];

describe('a wrong guess', () => {
  test('costs bcrypt alone, once, where nobody’s hash came from elsewhere', async () => {
    const works = await worksOf([...absent, ours(usual), ours(cheap)], [usual, cheap, '!', '']);
    expect(works).toEqual(works.map(() => ({ bcrypt: 2 ** ROUNDS })));
  });

  test('costs the same work for nobody, for a user of bcrypt, and for a user of each format that came from elsewhere', async () => {
    const hashes = FOREIGN.map(({ hash }) => hash).filter(
      (hash) => !hash.startsWith('scrypt$') && !/^\$argon2id?\$.*m=(32|100),/.test(hash),
    );
    const works = await worksOf([...absent, ours(usual), ours(cheap), ...hashes.map(ours)], hashes);
    expect(works).toEqual(works.map(() => works[0]));
    expect(works[0]).toMatchObject({ bcrypt: 2 ** ROUNDS, 'pbkdf2 sha1': 2000, 'pbkdf2 sha256': 1200, 'pbkdf2 sha512': 1200 });
    expect(Object.entries(works[0] ?? {}).filter(([what]) => what.startsWith('scrypt'))).toEqual(
      ['14 16 1 NFKC', '14 8 1 ', '6 8 1 ', '5 4 2 '].map((numbers) => [`scrypt ${numbers}`, 1]),
    );
  });

  test('costs the same with a password that nobody can have, or one that no bcrypt of ours takes', async () => {
    const hasher = notingHasher();
    const passwords = createPasswordService({ hasher, rounds: ROUNDS });
    const hashes = ['$2y$', '$pbkdf2$ sha512', '$argon2id$'].map((name) => FOREIGN.find(({ format }) => format === name)?.hash ?? '');
    passwords.setFormatsInUse(hashes);
    for (const guess of ['', '\0', '\ud83d', 'x'.repeat(300), GUESS])
      for (const hash of [usual, ...hashes]) await passwords.verify(guess, ours(hash));
    const works = hasher.noted.map(({ recipe, padding }) => workOf([recipe, ...padding]));
    expect(works).toEqual(works.map(() => works[0]));
    // Over the guess itself, so that its length costs the same as well.
    expect(new Set(hasher.noted.map(({ password }) => password)).size).toBe(5);
  });

  test('costs what was learnt once somebody has tried a hash that the start has missed, and after an import', async () => {
    const django = 'pbkdf2_sha256$1000$salt$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
    const [, before, during, after] = await worksOf([undefined, ours(usual), ours(django), ours(usual)], []);
    expect(before).toEqual({ bcrypt: 2 ** ROUNDS });
    expect([during, after]).toEqual([after, { bcrypt: 2 ** ROUNDS, 'pbkdf2 sha256': 1000 }]);
    expect(await worksOf([undefined], [django, django.replace('1000', '1500'), django.replace('1000', '20')])).toEqual([
      { bcrypt: 2 ** ROUNDS, 'pbkdf2 sha256': 1500 },
    ]);
  });

  test('costs the same work for every account also where the password has other spellings, each of which is tried', async () => {
    const hasher = notingHasher();
    const passwords = createPasswordService({ hasher, rounds: ROUNDS });
    const foreign = ['$2y$', '$pbkdf2$ sha512', '$argon2id$', '$scrypt$'].map(
      (name) => FOREIGN.find(({ format }) => format === name)?.hash ?? '',
    );
    const normal = `$bcrypt-sha256$v=2,t=2b,r=${ROUNDS},nf=nfc$${'.'.repeat(22)}$${'.'.repeat(31)}`;
    const stored = [...absent, ours(usual), { hash: usual, imported: true }, ours(normal), ...foreign.map(ours)];
    passwords.setFormatsInUse(foreign);
    for (const [guess, spellings] of [
      ['crème brûlée', ['crème brûlée', 'cre\u0300me bru\u0302le\u0301e']],
      ['cr\u00e8me bru\u0302l\u00e9e', ['cr\u00e8me bru\u0302l\u00e9e', 'crème brûlée', 'cre\u0300me bru\u0302le\u0301e']],
      [`\u00e9${'x'.repeat(1024)}`, [`\u00e9${'x'.repeat(1024)}`]],
    ] as const) {
      for (const one of stored) {
        hasher.noted.length = 0;
        expect(await passwords.verify(guess, one)).toMatchObject({ valid: false });
        expect(hasher.noted.map(({ password }) => password)).toEqual(spellings);
        const works = hasher.noted.map(({ recipe, padding }) => workOf([recipe, ...padding]));
        expect(works).toEqual(works.map(() => expect.objectContaining({ bcrypt: 2 ** ROUNDS, 'pbkdf2 sha512': 1200 })));
        expect(new Set(works.map((work) => JSON.stringify(Object.entries(work).sort()))).size).toBe(1);
      }
    }
  });

  test('costs scrypt over the NFKC form as well as scrypt of the same numbers', async () => {
    const digest = `c2FsdHNhbHQ$${'A'.repeat(43)}`;
    const known = [`$scrypt$ln=4,r=8,p=1$${digest}`, `$scrypt-nfkc$ln=4,r=8,p=1$${digest}`];
    const works = await worksOf([undefined, ...known.map(ours)], known);
    expect(works).toEqual(works.map(() => ({ bcrypt: 2 ** ROUNDS, 'scrypt 4 8 1 ': 1, 'scrypt 4 8 1 NFKC': 1 })));
  });

  const argon2 = (mib: number): string => `$argon2id$v=19$m=${1024 * mib},t=1,p=1$c2FsdHNhbHQ$${'A'.repeat(43)}`;
  const django = (iterations: number): string => `pbkdf2_sha256$${iterations}$salt$${'A'.repeat(43)}=`;

  test('costs at most one second beyond the own hash, whatever formats are in use, and leaves the cheapest out', async () => {
    const known = [...[250, 200, 120, 30, 20, 10].map(argon2), django(600_000), usual.replace('$06$', '$13$')];
    const hasher = notingHasher();
    const passwords = createPasswordService({ hasher, rounds: ROUNDS });
    passwords.setFormatsInUse(known);
    for (const stored of [undefined, ours(usual), ...known.map(ours)]) await passwords.verify(GUESS, stored);
    const costs = hasher.noted.map(({ recipe, padding }) => [recipe, ...padding].reduce((sum, one) => sum + costOf(one), 0));
    expect(Math.max(...costs)).toBeLessThanOrEqual(1 + 2 ** (ROUNDS - MAXIMUM.bcryptCost) + 1e-6);
    const works = hasher.noted.map(({ recipe, padding }) => Object.keys(workOf([recipe, ...padding])));
    // bcrypt of cost 13 is half a second, so is 250 MiB.
    expect(works[0]).toEqual(['bcrypt', 'argon2id 256000 1 1']);
    expect(works[0]).toEqual(works[1]);
    expect(works[2]).toEqual(['argon2id 256000 1 1', 'bcrypt']);
  });

  test('costs no more than its own cost where this service’s own hash takes longer than a second', async () => {
    const hasher = notingHasher();
    const passwords = createPasswordService({ hasher, rounds: 16 });
    passwords.setFormatsInUse([usual.replace('$06$', '$16$'), usual.replace('$06$', '$15$'), usual.replace('$06$', '$17$')]);
    await passwords.verify(GUESS, undefined);
    expect(hasher.noted.map(({ recipe, padding }) => workOf([recipe, ...padding]))).toEqual([{ bcrypt: 2 ** 16 }]);
  });

  test('falls again when the formats in use are set without the expensive one', async () => {
    const hasher = notingHasher();
    const passwords = createPasswordService({ hasher, rounds: ROUNDS });
    const guess = async () => {
      await passwords.verify(GUESS, undefined);
      const { recipe, padding } = hasher.noted.at(-1) ?? { recipe: { kind: 'bcrypt', salt: '' }, padding: [] };
      return workOf([recipe, ...padding]);
    };
    passwords.setFormatsInUse([usual, django(1000), usual.replace('$06$', '$08$')]);
    expect(await guess()).toEqual({ bcrypt: 2 ** 8, 'pbkdf2 sha256': 1000 });
    passwords.setFormatsInUse([usual, django(500)]);
    expect(await guess()).toEqual({ bcrypt: 2 ** ROUNDS, 'pbkdf2 sha256': 500 });
    passwords.setFormatsInUse([]);
    expect(await guess()).toEqual({ bcrypt: 2 ** ROUNDS });
  });

  test('ignores a stored hash that is too expensive to verify', async () => {
    const expensive = [usual.replace('$06$', '$18$'), django(9_999_999), argon2(257)];
    const works = await worksOf([undefined, ...expensive.map(ours)], expensive);
    expect(works).toEqual(works.map(() => ({ bcrypt: 2 ** ROUNDS })));
  });

  test('gives nobody’s salt, digest or signer’s key to the padding', async () => {
    const hasher = notingHasher();
    const passwords = createPasswordService({ hasher, rounds: ROUNDS });
    passwords.setFormatsInUse(FOREIGN.map(({ hash }) => hash));
    await passwords.verify(GUESS, undefined);
    const salts = hasher.noted.flatMap(({ padding }) => padding.map((recipe) => (recipe.kind === 'bcrypt' ? '' : recipe.salt)));
    expect(salts.length).toBeGreaterThan(8);
    expect(new Set(salts)).toEqual(new Set([Buffer.alloc(16).toString('base64')]));
    expect(JSON.stringify(hasher.noted)).not.toContain('signerKey');
  });
});
