import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { createRefreshTokens } from '../../../src/services/session/refresh-token.js';
import { alone } from '../../support/root-keys.js';

const rootKey = (): string => randomBytes(64).toString('base64url');
const ROOT_KEY = rootKey();
const tokens = createRefreshTokens(alone(ROOT_KEY));
const PARTS = { sessionId: '0d9f5c0e-6d0f-4d0e-9b0a-2f6f4f1c7a11', counter: 12 };
const TOKEN = tokens.write(PARTS);
const [SESSION = '', COUNTER = '', SIGNATURE = ''] = TOKEN.split('.');

describe('a refresh token', () => {
  test('says its session and counter, and is read as that', () => {
    expect([SESSION, COUNTER]).toEqual([PARTS.sessionId, '12']);
    for (const counter of [1, 9, 10, 999_999_999]) {
      const parts = { sessionId: randomUUID(), counter };
      expect(tokens.read(tokens.write(parts))).toEqual(parts);
    }
  });

  test('is the same however often it is computed, in every process that has the same ROOT_KEY', () => {
    expect(createRefreshTokens(alone(ROOT_KEY)).write(PARTS)).toBe(TOKEN);
    expect(createRefreshTokens(alone(ROOT_KEY)).read(TOKEN)).toEqual(PARTS);
  });

  test('is the same in every version of this service, so that an upgrade logs nobody out', () => {
    // Of session id, dot, counter, as HMAC-SHA256 under HKDF's key for “lingomate-auth refresh token”.
    const signature = '3AisQFnhYupD_G3ce8AUfe2_1TZ3ymuQZ5ZQq8A6nzk';
    expect(createRefreshTokens(alone('k'.repeat(64))).write(PARTS)).toBe(`${PARTS.sessionId}.12.${signature}`);
  });

  test('is another under another ROOT_KEY, and is not read there', () => {
    const others = createRefreshTokens(alone(rootKey()));
    expect(others.write(PARTS)).not.toBe(TOKEN);
    expect(others.read(TOKEN)).toBeUndefined();
  });
});

describe('is not read:', () => {
  const another = tokens.write({ ...PARTS, counter: 13 }).split('.')[2] ?? '';
  test.each([
    ['nothing', ''],
    ['any text', 'nonsense'],
    ['three dots', '...'],
    ['no signature', `${SESSION}.${COUNTER}.`],
    ['no last part', `${SESSION}.${COUNTER}`],
    ['a fourth part', `${TOKEN}.x`],
    ['the signature of another counter', `${SESSION}.${COUNTER}.${another}`],
    ['another counter', `${SESSION}.13.${SIGNATURE}`],
    ['another session', `${randomUUID()}.${COUNTER}.${SIGNATURE}`],
    ['a counter of 0', `${SESSION}.0.${SIGNATURE}`],
    ['a counter with a zero before it', `${SESSION}.012.${SIGNATURE}`],
    ['a negative counter', `${SESSION}.-12.${SIGNATURE}`],
    ['a counter with a fraction', `${SESSION}.12.0.${SIGNATURE}`],
    ['a counter in another alphabet', `${SESSION}.１２.${SIGNATURE}`],
    ['a counter beyond all numbers', `${SESSION}.${'9'.repeat(400)}.${SIGNATURE}`],
    ['capitals in the session', `${SESSION.toUpperCase()}.${COUNTER}.${SIGNATURE}`],
    ['a space before it', ` ${TOKEN}`],
    ['a line end behind it', `${TOKEN}\n`],
    ['padding', `${TOKEN}=`],
    ['a NUL', `${TOKEN}\0`],
    ['a very long text', 'a'.repeat(1_000_000)],
  ])('%s', (_, text) => {
    expect(tokens.read(text)).toBeUndefined();
  });

  test('a token in which any one character is another', () => {
    for (let at = 0; at < TOKEN.length; at += 1) {
      for (const character of ['0', '1', 'A', 'b', 'f', '_', '-', '.', 'é']) {
        if (TOKEN[at] === character) continue;
        expect(tokens.read(TOKEN.slice(0, at) + character + TOKEN.slice(at + 1))).toBeUndefined();
      }
      expect(tokens.read(TOKEN.slice(0, at) + TOKEN.slice(at + 1))).toBeUndefined();
    }
  });
});
