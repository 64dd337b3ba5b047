import { createHmac, hkdfSync, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createOneTimeTokenService, type OneTimeTokenService, type TokenPurpose } from '../../src/services/one-time-token.service.js';
import { openStoredUsers, type StoredUsers } from '../support/stored-users.js';
import { alone } from '../support/root-keys.js';

const ROOT_KEY = 'k'.repeat(64);
const MINUTE = 60;
const THREE_DAYS = 3 * 24 * 60 * MINUTE;
const RESET = ['password_reset'] as const;

let stored: StoredUsers;
let tokens: OneTimeTokenService;
beforeEach(async () => {
  stored = await openStoredUsers();
  tokens = serviceUnder(ROOT_KEY);
});
afterEach(() => stored.database.close());

const serviceUnder = (rootKey: string): OneTimeTokenService => {
  const { database, models, clock } = stored;
  return createOneTimeTokenService({ model: models.OneTimeToken, database, rootKeys: alone(rootKey), clock, verificationHours: 24 });
};
const issue = (purpose: TokenPurpose, userId: number | null = stored.ada, emailFold: string | null = null) =>
  stored.database.transaction((transaction) => tokens.issue({ purpose, userId, emailFold }, transaction));
const WORTHLESS = { code: 'token_invalid_or_expired' };

describe('a token', () => {
  test('has 256 bits, and says whose it is and what for', async () => {
    const { token } = await issue('email_verification', stored.bob, 'bob@example.com');
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const facts = await tokens.read(token, ['password_reset', 'email_verification']);
    expect(facts).toEqual({
      id: expect.any(String),
      userId: stored.bob,
      purpose: 'email_verification',
      emailFold: 'bob@example.com',
      issuer: null,
    });
    expect((await issue('email_verification')).token).not.toBe(token);
  });

  test.each([
    ['email_verification', 24 * 60],
    ['email_rejection', 3 * 24 * 60],
    ['password_reset', 10],
    ['invitation', 3 * 24 * 60],
  ] as const)('for %s is good for %i minutes, and not a moment longer', async (purpose, minutes) => {
    const { clock } = stored;
    const { token, expiresAt } = await issue(purpose);
    expect(expiresAt.getTime()).toBe(clock.now() + minutes * MINUTE * 1000);
    clock.advance(minutes * MINUTE - 0.001);
    const facts = await tokens.read(token, [purpose]);
    expect(await tokens.isGood(token, [purpose])).toBe(true);
    clock.advance(0.001);
    expect(await tokens.isGood(token, [purpose])).toBe(false);
    await expect(tokens.read(token, [purpose])).rejects.toMatchObject(WORTHLESS);
    await expect(stored.database.transaction((transaction) => tokens.use(facts, transaction))).rejects.toMatchObject(WORTHLESS);
  });

  test('for one thing is none for another', async () => {
    const { token } = await issue('invitation');
    await expect(tokens.read(token, ['password_reset', 'email_verification'])).rejects.toMatchObject(WORTHLESS);
    expect(await tokens.isGood(token, ['password_reset', 'email_verification'])).toBe(false);
    const moved = await issue('password_reset');
    await stored.models.OneTimeToken.update({ purpose: 'invitation' }, { where: { purpose: 'password_reset' } });
    await expect(tokens.read(moved.token, ['password_reset', 'invitation'])).resolves.toMatchObject({ purpose: 'invitation' });
    await expect(tokens.read(moved.token, RESET)).rejects.toMatchObject(WORTHLESS);
  });

  test('that was issued for nobody is good for nothing', async () => {
    const { token } = await issue('password_reset', null);
    await expect(tokens.read(token, RESET)).rejects.toMatchObject(WORTHLESS);
  });

  test.each([
    ['another one', (token: string) => token.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'))],
    ['longer', (token: string) => `${token}A`],
    ['nothing', () => ''],
  ])('that is %s is refused', async (_, changed) => {
    const { token } = await issue('password_reset');
    await expect(tokens.read(changed(token), RESET)).rejects.toMatchObject(WORTHLESS);
  });

  test('of another length is refused unread, whatever is stored', async () => {
    await issue('password_reset');
    for (const text of ['short', `${'A'.repeat(43)}\n`, ` ${'A'.repeat(43)}`]) {
      await stored.models.OneTimeToken.update({ token_hash: storedHash(ROOT_KEY, `password_reset.${text}`) }, { where: {} });
      await expect(tokens.read(text, RESET)).rejects.toMatchObject(WORTHLESS);
    }
  });

  test('is kept as its hash alone, the same in every version of this service, so that an upgrade spoils no mail', async () => {
    const { token } = await issue('password_reset');
    const [row] = await stored.models.OneTimeToken.findAll({ raw: true });
    expect(row?.token_hash).toBe(storedHash(ROOT_KEY, `password_reset.${token}`));
    expect(JSON.stringify(row)).not.toContain(token);
    await expect(serviceUnder('another root key').read(token, RESET)).rejects.toMatchObject(WORTHLESS);
  });
});

/** As earlier versions have made it. */
const storedHash = (rootKey: string, text: string): string =>
  createHmac('sha256', Buffer.from(hkdfSync('sha256', rootKey, '', 'lingomate-auth one-time tokens', 32)))
    .update(text)
    .digest('base64url');

describe('with the transaction that it belongs to', () => {
  /** Does something and has it undone. */
  const undone = async (work: Parameters<StoredUsers['database']['transaction']>[0]): Promise<void> => {
    const failing = stored.database.transaction(async (transaction) => {
      await work(transaction);
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
  };

  test('a token comes, is used and is discarded, or is not', async () => {
    const { token } = await issue('password_reset');
    const facts = await tokens.read(token, RESET);
    await undone((transaction) => tokens.issue({ purpose: 'invitation', userId: stored.ada, emailFold: null }, transaction));
    await undone((transaction) => tokens.use(facts, transaction));
    await undone((transaction) => tokens.discard(stored.ada, RESET, transaction));
    await undone((transaction) => tokens.discardAll(transaction));
    expect(await stored.models.OneTimeToken.count()).toBe(1);
    expect(await tokens.read(token, RESET)).toEqual(facts);
  });
});

describe('a token is used up', () => {
  test('by its first use, and no other token with it', async () => {
    const { database } = stored;
    const [first, second] = [await issue('password_reset'), await issue('password_reset')];
    const facts = await tokens.read(first.token, RESET);
    await database.transaction((transaction) => tokens.use(facts, transaction));
    await expect(database.transaction((transaction) => tokens.use(facts, transaction))).rejects.toMatchObject(WORTHLESS);
    await expect(tokens.read(first.token, RESET)).rejects.toMatchObject(WORTHLESS);
    await expect(tokens.read(second.token, RESET)).resolves.toMatchObject({ userId: stored.ada });
  });

  test('as its user’s tokens of that purpose are, where they are discarded, and nobody else’s', async () => {
    const [own, other, bobs] = [await issue('password_reset'), await issue('invitation'), await issue('password_reset', stored.bob)];
    await stored.database.transaction((transaction) => tokens.discard(stored.ada, RESET, transaction));
    await expect(tokens.read(own.token, RESET)).rejects.toMatchObject(WORTHLESS);
    await expect(tokens.read(other.token, ['invitation'])).resolves.toMatchObject({ userId: stored.ada });
    await expect(tokens.read(bobs.token, RESET)).resolves.toMatchObject({ userId: stored.bob });
  });

  test('as everybody’s are, where all are discarded, which says how many', async () => {
    const issued = [await issue('password_reset'), await issue('password_reset', stored.bob)];
    expect(await stored.database.transaction((transaction) => tokens.discardAll(transaction))).toBe(2);
    for (const { token } of issued) await expect(tokens.read(token, RESET)).rejects.toMatchObject(WORTHLESS);
  });
});

describe('startLife', () => {
  const start = (...tokenIds: string[]) => stored.database.transaction((transaction) => tokens.startLife(tokenIds, transaction));

  test.each(['email_verification', 'password_reset', 'invitation', 'email_rejection'] as const)(
    'gives an expired token of %s its whole life again',
    async (purpose) => {
      const { tokenId, token, minutes } = await issue(purpose);
      stored.clock.advance(THREE_DAYS);
      await tokens.prune();
      expect(await start(tokenId)).toBe(true);
      stored.clock.advance(minutes * MINUTE - 0.001);
      expect(await tokens.isGood(token, [purpose])).toBe(true);
      stored.clock.advance(0.001);
      expect(await tokens.isGood(token, [purpose])).toBe(false);
    },
  );

  test('begins the life of both tokens of a mail', async () => {
    const [verification, rejection] = [await issue('email_verification'), await issue('email_rejection')];
    stored.clock.advance(THREE_DAYS);
    expect(await start(verification.tokenId, rejection.tokenId)).toBe(true);
    expect(await tokens.isGood(verification.token, ['email_verification'])).toBe(true);
    expect(await tokens.isGood(rejection.token, ['email_rejection'])).toBe(true);
  });

  test('returns false for a token that was used or voided, and does not revive it', async () => {
    const [used, kept, voided] = [await issue('password_reset'), await issue('email_verification'), await issue('invitation')];
    const { database, ada } = stored;
    for (const [{ token }, purpose] of [
      [used, 'password_reset'],
      [kept, 'email_verification'],
    ] as const) {
      const facts = await tokens.read(token, [purpose]);
      await database.transaction((transaction) => tokens.use(facts, transaction));
    }
    await database.transaction((transaction) => tokens.discard(ada, ['invitation'], transaction));
    for (const { tokenId } of [used, kept, voided]) expect(await start(tokenId)).toBe(false);
    expect(await stored.models.OneTimeToken.count()).toBe(1);
  });

  test('returns false where the user was issued a later token of that purpose, also within a millisecond', async () => {
    const issued = [await issue('password_reset'), await issue('password_reset')];
    const others = [await issue('password_reset', stored.bob), await issue('invitation')];
    const wanted = await Promise.all(issued.map(({ tokenId }) => start(tokenId)));
    expect(wanted.filter(Boolean)).toHaveLength(1);
    for (const { tokenId } of others) expect(await start(tokenId)).toBe(true);
    stored.clock.advance(1);
    const newest = await issue('password_reset');
    for (const { tokenId } of issued) expect(await start(tokenId)).toBe(false);
    expect(await start(newest.tokenId)).toBe(true);
  });
});

describe('what has run out', () => {
  /** So many rows that run out in so many minutes. */
  const add = async (count: number, minutes: number): Promise<void> => {
    const [created_at, expires_at] = [new Date(stored.clock.now()), new Date(stored.clock.now() + minutes * MINUTE * 1000)];
    const rows = Array.from({ length: count }, () => ({ id: randomUUID(), user_id: null, purpose: 'invitation', email_fold: null }));
    await stored.models.OneTimeToken.bulkCreate(rows.map((row) => ({ ...row, token_hash: row.id, created_at, expires_at })));
  };

  test('is removed after three more days, a thousand at a time, for as long as there is more, and nothing else', async () => {
    await add(1000, 1);
    await add(999, 2);
    await add(5, 10);
    expect(await tokens.prune()).toBe(false);
    stored.clock.advance(THREE_DAYS + 2 * MINUTE + 1);
    expect(await tokens.prune()).toBe(true);
    expect(await stored.models.OneTimeToken.count()).toBe(1004);
    expect(await tokens.prune()).toBe(false);
    expect(await stored.models.OneTimeToken.count()).toBe(5);
  });
});
