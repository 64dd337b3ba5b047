import { createHmac, hkdfSync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createRecoveryCodeService, type RecoveryCodeService } from '../../src/services/recovery-code.service.js';
import { openStoredUsers, type StoredUsers } from '../support/stored-users.js';

const ROOT_KEY = 'k'.repeat(64);

let stored: StoredUsers;
let codes: RecoveryCodeService;
beforeEach(async () => {
  stored = await openStoredUsers();
  codes = createRecoveryCodeService({
    model: stored.models.RecoveryCode,
    rootKeys: { current: ROOT_KEY, previous: undefined },
    clock: stored.clock,
  });
});
afterEach(() => stored.database.close());

const inTransaction: StoredUsers['database']['transaction'] = (work) => stored.database.transaction(work);
const replace = (userId: number): Promise<string[]> => inTransaction((transaction) => codes.replace(userId, transaction));
const use = (userId: number, code: string): Promise<boolean> => inTransaction((transaction) => codes.use(userId, code, transaction));

describe('recovery codes', () => {
  test('are ten, of four groups of seven letters and digits that nobody mistakes, no two alike', async () => {
    const made = await replace(stored.ada);
    expect(made).toHaveLength(10);
    expect(new Set(made).size).toBe(10);
    for (const code of made) expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{7}(-[0-9A-HJKMNP-TV-Z]{7}){3}$/);
    // That one of 32 is not among 840 characters happens once in ten billion runs.
    const drawn = new Set([...made, ...(await replace(stored.ada)), ...(await replace(stored.ada))].join('').replaceAll('-', ''));
    expect(drawn.size).toBe(32);
  });

  test('are their user’s alone', async () => {
    const [code = ''] = await replace(stored.ada);
    await replace(stored.bob);
    expect(await codes.isGood(stored.ada, code)).toBe(true);
    expect([await codes.isGood(stored.bob, code), await codes.isGood(undefined, code)]).toEqual([false, false]);
    expect(await use(stored.bob, code)).toBe(false);
    expect(await codes.isGood(stored.ada, code)).toBe(true);
  });

  test('work once each, and leave the others', async () => {
    const [first = '', second = ''] = await replace(stored.ada);
    expect([await use(stored.ada, first), await use(stored.ada, first)]).toEqual([true, false]);
    expect([await codes.isGood(stored.ada, first), await codes.isGood(stored.ada, second)]).toEqual([false, true]);
  });

  test('are worthless once there are new ones, and nobody else’s are', async () => {
    const [[old = ''], [bobs = '']] = [await replace(stored.ada), await replace(stored.bob)];
    const [fresh = ''] = await replace(stored.ada);
    expect([await codes.isGood(stored.ada, old), await codes.isGood(stored.ada, fresh)]).toEqual([false, true]);
    expect(await codes.isGood(stored.bob, bobs)).toBe(true);
  });

  test.each([
    ['in small letters', (code: string) => code.toLowerCase()],
    ['without its dashes', (code: string) => code.replaceAll('-', '')],
    ['with spaces and line ends', (code: string) => ` ${code.replaceAll('-', '  ')}\n`],
    ['with O for 0', (code: string) => code.replaceAll('0', 'O').toLowerCase()],
    ['with I for 1', (code: string) => code.replaceAll('1', 'I')],
    ['with l for 1', (code: string) => code.replaceAll('1', 'l')],
  ])('are taken however they are typed: %s', async (_, typed) => {
    const made = await replace(stored.ada);
    for (const code of made) expect([code, await codes.isGood(stored.ada, typed(code))]).toEqual([code, true]);
  });

  test('are no code any more with something else in them, or beyond 64 characters', async () => {
    const [code = ''] = await replace(stored.ada);
    for (const wrong of [`${code}0`, code.slice(0, -1), code.replace('-', '_'), ''])
      expect([wrong, await codes.isGood(stored.ada, wrong)]).toEqual([wrong, false]);
    const bare = code.replaceAll('-', '');
    expect(await codes.isGood(stored.ada, `${bare}${' '.repeat(100)}`)).toBe(true);
    expect(await codes.isGood(stored.ada, `${' '.repeat(37)}${bare}`)).toBe(false);
  });

  test('are kept as their hashes alone, the same in every version of this service, so that an upgrade spoils none', async () => {
    const made = await replace(stored.ada);
    const key = Buffer.from(hkdfSync('sha256', ROOT_KEY, '', 'lingomate-auth recovery codes', 32));
    const hashes = made.map((code) =>
      createHmac('sha256', key)
        .update(`${stored.ada}.${code.replaceAll('-', '')}`)
        .digest('base64url'),
    );
    const rows = await stored.models.RecoveryCode.findAll({ raw: true });
    expect(rows.map(({ code_hash }) => code_hash).sort()).toEqual(hashes.sort());
    expect(rows.every(({ user_id }) => user_id === stored.ada)).toBe(true);
  });

  test('come and go with the transaction that they belong to', async () => {
    const [code = ''] = await replace(stored.ada);
    const undone = inTransaction(async (transaction) => {
      await codes.use(stored.ada, code, transaction);
      await codes.replace(stored.bob, transaction);
      await codes.replace(stored.ada, transaction);
      throw new Error('changed my mind');
    });
    await expect(undone).rejects.toThrow('changed my mind');
    expect(await codes.isGood(stored.ada, code)).toBe(true);
    expect(await stored.models.RecoveryCode.count()).toBe(10);
  });
});
