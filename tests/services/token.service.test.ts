import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import jwt from 'jsonwebtoken';
import type { SecretAlgorithm } from '../../config/index.js';
import { movableClock } from '../../src/lib/clock.js';
import { alone } from '../support/root-keys.js';
import { MAX_SCOPE_CHARACTERS } from '../../src/lib/roles.js';
import { createSecretKeys } from '../../src/services/key/secret-keys.js';
import { createTokenService, isAccessTokenPayload, type TokenSubject } from '../../src/services/token.service.js';

const KEY = 'Zk3vYw8qLr1TnBf6XcHs0JdPu5Ae9GmQ'.repeat(2);
const OTHER_KEY = 'Qm9GeA5uPdJ0sHcX6fBnT1rLq8wYv3kZ'.repeat(2);
const ROOT_KEY = 'Ro0tKeyOfTheTokenServiceTestsAlone'.repeat(2);
const START = Date.UTC(2026, 0, 1, 12, 0, 0, 600);
const NOW = Math.floor(START / 1000);
const SESSION = '0d9f5c0e-6d0f-4d0e-9b0a-2f6f4f1c7a11';
const SUBJECT = {
  userId: 7,
  username: 'ada',
  scope: 'user admin',
  sessionId: SESSION,
  refreshCounter: 3,
  amr: ['pwd'],
  acr: 'aal1' as const,
  authenticatedAt: new Date(START - 86_400_000),
  sessionEndsAt: new Date(START + 86_400_000),
};

/** The subject with one fact that the token's id vouches for changed; `iat` and `exp` aside, which follow the clock. */
const OTHER_SUBJECTS: readonly Partial<TokenSubject>[] = [
  { userId: 8 },
  { sessionId: '0d9f5c0e-6d0f-4d0e-9b0a-2f6f4f1c7a12' },
  { refreshCounter: 4 },
  { scope: 'user' },
  { authenticatedAt: new Date(START) },
  { amr: ['pwd', 'otp'] },
  { acr: 'aal2' },
  { sessionEndsAt: new Date(START + 60_000) },
];

interface Options {
  algorithm?: SecretAlgorithm;
  secretKey?: string;
  previousSecretKey?: string;
  issuer?: string;
  audience?: string;
  lifetimeSeconds?: number;
}

function tokenService(options: Options = {}) {
  const { algorithm = 'HS256', secretKey = KEY, previousSecretKey, ...given } = options;
  const clock = movableClock(START);
  const keys = { algorithm, ...createSecretKeys({ algorithm, secretKey, previousSecretKey }) };
  const settings = { issuer: 'https://auth.example.com', audience: 'shop', clientId: 'spa', lifetimeSeconds: 1800, ...given };
  const tokens = createTokenService({ keys, rootKeys: alone(ROOT_KEY), clock, settings });
  return { clock, tokens, keys, token: tokens.issue(SUBJECT).accessToken };
}

const CLAIMS = {
  iss: 'https://auth.example.com',
  aud: 'shop',
  sub: '7',
  username: 'ada',
  scope: 'user admin',
  jti: expect.stringMatching(/^[\w-]{43}$/),
  iat: NOW,
  exp: NOW + 1800,
  auth_time: NOW - 86_400,
  sid: SESSION,
  refresh_counter: 3,
  amr: ['pwd'],
  acr: 'aal1',
  client_id: 'spa',
};

/** Claims that tokens of 0.1 do not carry. */
const OPTIONAL: ReadonlySet<string> = new Set(['acr', 'client_id']);

describe('an access token', () => {
  test('with the longest scope, the longest new username and the longest settings is accepted, and a longer scope is not issued', () => {
    const settings = { issuer: `https://${'i'.repeat(247)}`, audience: 'a'.repeat(255) };
    const { tokens } = tokenService(settings);
    const longest = { ...SUBJECT, username: '𝒜'.repeat(64), scope: 's'.repeat(MAX_SCOPE_CHARACTERS) };
    const { accessToken } = tokens.issue(longest);
    expect(tokens.verify(accessToken)).toMatchObject({ scope: longest.scope });
    // RSA signatures of 4096 bits have 683 characters, and CLIENT_ID up to 255.
    expect(accessToken.length + 640 + 340).toBeLessThanOrEqual(8192);
    expect(() => tokens.issue({ ...longest, scope: `${longest.scope}s` })).toThrow('do not fit an access token');
  });

  test('has exactly these claims', () => {
    const { tokens, token } = tokenService();
    expect(tokens.verify(token)).toEqual(CLAIMS);
    expect(jwt.decode(token)).toEqual(CLAIMS);
  });

  test.each(['HS256', 'HS384', 'HS512'] as const)(
    'under %s is verified by any library that has the key and is told the audience',
    (algorithm) => {
      const { token } = tokenService({ algorithm });
      const { header, payload } = jwt.verify(token, KEY, {
        complete: true,
        algorithms: [algorithm],
        audience: 'shop',
        clockTimestamp: NOW,
      });
      expect(header).toEqual({ alg: algorithm, typ: 'at+jwt', kid: expect.stringMatching(/^[\w-]{16}$/) });
      expect(payload).toEqual(CLAIMS);
    },
  );

  test('says how long it lives', () => {
    const { tokens } = tokenService({ lifetimeSeconds: 60 });
    expect(tokens.issue(SUBJECT).expiresInSeconds).toBe(60);
  });

  test('lives no longer than its session', () => {
    const { tokens } = tokenService();
    const issued = tokens.issue({ ...SUBJECT, sessionEndsAt: new Date(START + 90_000) });
    expect(issued.expiresInSeconds).toBe(90);
    expect(jwt.decode(issued.accessToken)).toMatchObject({ exp: NOW + 90 });
  });

  test('of before its life was shortened is good for the shorter one', () => {
    const before = tokenService({ lifetimeSeconds: 3600 });
    const { tokens, clock } = tokenService({ lifetimeSeconds: 60 });
    clock.set(new Date((NOW + 59) * 1000));
    expect(tokens.verify(before.token)).toMatchObject({ exp: NOW + 3600 });
    clock.set(new Date((NOW + 60) * 1000));
    expect(() => tokens.verify(before.token)).toThrow(expect.objectContaining({ code: 'invalid_token' }));
  });

  test('is the same for the same subject in the same second, and another once anything that its id vouches for differs', () => {
    const { tokens } = tokenService();
    expect(tokens.issue(SUBJECT).accessToken).toBe(tokens.issue(SUBJECT).accessToken);
    const jti = (change: object): unknown => tokens.verify(tokens.issue({ ...SUBJECT, ...change }).accessToken).jti;
    const ids = [{}, ...OTHER_SUBJECTS].map(jti);
    expect(new Set(ids).size).toBe(OTHER_SUBJECTS.length + 1);
  });

  test('is good until the second it expires in, by our clock alone', () => {
    const { tokens, token, clock } = tokenService();
    clock.set(new Date((NOW + 1799) * 1000 + 999));
    expect(tokens.verify(token)).toMatchObject({ sub: '7' });
    clock.set(new Date((NOW + 1800) * 1000));
    expect(() => tokens.verify(token)).toThrow(expect.objectContaining({ code: 'invalid_token' }));
  });

  test('of an instance whose clock is 5 s ahead is taken, and of one that is 6 s ahead not', () => {
    const { tokens, token, clock } = tokenService();
    clock.set(new Date((NOW - 5) * 1000));
    expect(tokens.verify(token)).toMatchObject({ sub: '7' });
    clock.set(new Date((NOW - 6) * 1000));
    expect(() => tokens.verify(token)).toThrow(expect.objectContaining({ code: 'invalid_token' }));
  });
});

describe('keys', () => {
  test('a token of the key before still verifies, and new ones are signed with the new key', () => {
    const old = tokenService({ secretKey: OTHER_KEY });
    const rotated = tokenService({ previousSecretKey: OTHER_KEY });
    expect(rotated.tokens.verify(old.token)).toEqual(CLAIMS);
    expect(() => jwt.verify(rotated.token, KEY, { clockTimestamp: NOW })).not.toThrow();
    expect(() => old.tokens.verify(rotated.token)).toThrow(expect.objectContaining({ code: 'invalid_token' }));
  });

  test('a token of a key that is gone is refused', () => {
    const old = tokenService({ secretKey: OTHER_KEY });
    expect(() => tokenService().tokens.verify(old.token)).toThrow(expect.objectContaining({ code: 'invalid_token' }));
  });

  test('a key has one name in every process, and the name gives nothing of it away', () => {
    const [one, other] = [tokenService(), tokenService({ audience: 'else' })];
    expect(one.keys.signing().header.kid).toBe(other.keys.signing().header.kid);
    expect(tokenService({ secretKey: OTHER_KEY }).keys.signing().header.kid).not.toBe(one.keys.signing().header.kid);
    expect(KEY).not.toContain(one.keys.signing().header.kid);
  });

  test('a key that is not ASCII is used by its bytes of UTF-8', () => {
    const secretKey = 'ключ '.repeat(8);
    const { token } = tokenService({ secretKey });
    expect(() => jwt.verify(token, Buffer.from(secretKey, 'utf8'), { clockTimestamp: NOW })).not.toThrow();
  });
});

describe('a token is refused', () => {
  const { tokens, keys, token } = tokenService();
  const refused = (other: string): void => {
    expect(() => tokens.verify(other)).toThrow(expect.objectContaining({ code: 'invalid_token' }));
  };
  /** A token that is signed with our key and names it, with other claims. */
  const forged = (change: Record<string, unknown>): string => {
    const kept = Object.entries<unknown>({ ...CLAIMS, jti: '1', ...change }).filter(([, value]) => value !== undefined);
    return jwt.sign(JSON.stringify(Object.fromEntries(kept)), KEY, { header: keys.signing().header });
  };
  const [header = '', payload = '', signature = ''] = token.split('.');

  test('and a forged one with every claim right is not, so that each case below fails for its own reason', () => {
    expect(tokens.verify(forged({}))).toMatchObject({ sub: '7' });
  });

  test.each(Object.keys(CLAIMS))('when %s is missing, null, or of another type', (claim) => {
    for (const value of [undefined, null, true, {}, [1], claim === 'amr' ? 'pwd' : [], 'text']) {
      if (typeof value === 'string' && ['iss', 'aud', 'username', 'scope', 'jti'].includes(claim)) continue;
      if (claim === 'amr' && Array.isArray(value) && value.length === 0) continue;
      if (OPTIONAL.has(claim) && value === undefined) continue;
      if (claim === 'client_id' && typeof value === 'string') continue;
      refused(forged({ [claim]: value }));
    }
  });

  test.each([
    ['expires now', { exp: NOW }],
    ['expires at a fraction', { exp: NOW + 60.5 }],
    ['never expires', { exp: 1e300 }],
    ['expires at a time in a string', { exp: String(NOW + 60) }],
    ['was issued in the future', { iat: NOW + 60 }],
    ['is not good yet', { nbf: NOW + 60 }],
    ['has an nbf that is no time', { nbf: 'soon' }],
    ['is of another issuer', { iss: 'https://evil.example.com' }],
    ['is of an issuer with a slash more', { iss: 'https://auth.example.com/' }],
    ['is for another audience', { aud: 'else' }],
    ['is for a list of audiences', { aud: ['shop'] }],
    ['is for user 0', { sub: '0' }],
    ['is for no number', { sub: '7 OR 1=1' }],
    ['is for a number with a sign', { sub: '-7' }],
    ['has a method that is no string', { amr: [1] }],
  ])('when it %s', (_, change) => {
    refused(forged(change));
  });

  test.each([
    ['another algorithm of the family', { alg: 'HS512' }],
    ['another type', { typ: 'JWT' }],
    ['no type', { typ: undefined }],
    ['another key’s name', { kid: 'other' }],
    ['no key’s name', { kid: undefined }],
    ['a critical extension', { crit: ['exp'] }],
    ['a key of its own', { jwk: { kty: 'oct', k: 'AAAA' } }],
    ['a key’s address', { jku: 'https://evil.example.com/keys' }],
  ])('when its header has %s', (_, change) => {
    const changed = Buffer.from(JSON.stringify({ ...keys.signing().header, ...change })).toString('base64url');
    refused(`${changed}.${payload}.${signature}`);
  });

  test.each([
    ['empty', ''],
    ['a word', 'token'],
    ['two parts', `${header}.${payload}`],
    ['two parts and a dot', `${header}.${payload}.`],
    ['four parts', `${token}.${signature}`],
    ['padded', `${token}=`],
    ['with a space before', ` ${token}`],
    ['with a line break behind', `${token}\n`],
    ['with NUL behind', `${token}\0`],
    ['the header alone', `${header}..`],
    ['over 8 kB', `${token}${'A'.repeat(8192)}`],
    ['unsigned', `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${payload}.`],
    ['signed over a payload that is no JSON', jwt.sign('not json', KEY, { header: keys.signing().header })],
    ['signed over a list', jwt.sign('[]', KEY, { header: keys.signing().header })],
    ['signed over null', jwt.sign('null', KEY, { header: keys.signing().header })],
  ])('when it is %s', (_, other) => {
    refused(other);
  });

  test('when it has more than 8192 characters, however good it is', () => {
    const padded = (characters: number): string => forged({ username: 'a'.repeat(characters) });
    const most = Math.floor(((8192 - padded(0).length) * 3) / 4);
    const [good, longer] = [padded(most), padded(most + 2)];
    expect([good.length > 8188 && good.length <= 8192, longer.length > 8192 && longer.length < 8197]).toEqual([true, true]);
    expect(tokens.verify(good)).toMatchObject({ sub: '7' });
    refused(longer);
  });

  test.each(['HS256', 'HS384', 'HS512'] as const)('when its signature under %s is spelt in another way than ours', (algorithm) => {
    const own = tokenService({ algorithm });
    const last = own.token.slice(-1);
    const others = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_').filter((one) => one !== last);
    for (const other of others)
      expect(() => own.tokens.verify(own.token.slice(0, -1) + other)).toThrow(expect.objectContaining({ code: 'invalid_token' }));
    expect(own.tokens.verify(own.token)).toMatchObject({ sub: '7' });
  });

  test('when any one of its characters is another', () => {
    for (let at = 0; at < token.length; at += 1) {
      const other = token[at] === 'A' ? 'B' : 'A';
      refused(token.slice(0, at) + other + token.slice(at + 1));
    }
  });
});

describe('a token of 0.1, which has neither acr nor client_id,', () => {
  const { tokens, keys } = tokenService();
  const old = Object.fromEntries(Object.entries({ ...CLAIMS, jti: '1' }).filter(([claim]) => !OPTIONAL.has(claim)));

  test('verifies, and its acr is aal1', () => {
    const token = jwt.sign(JSON.stringify(old), KEY, { header: keys.signing().header });
    expect(tokens.verify(token)).toEqual({ ...old, acr: 'aal1' });
  });

  test('is not taken for one that this service issued', () => {
    const token = jwt.sign(JSON.stringify(old), KEY, { header: keys.signing().header });
    expect(tokens.isOwn(tokens.verify(token))).toBe(false);
  });
});

describe('under ES256', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const header = { alg: 'ES256', typ: 'at+jwt', kid: 'pair' } as const;
  const keys = { algorithm: 'ES256', signing: () => ({ key: privateKey, header }), find: () => publicKey } as const;
  const settings = { issuer: 'https://auth.example.com', audience: 'shop', clientId: 'spa', lifetimeSeconds: 1800 };
  const tokens = createTokenService({ keys, rootKeys: alone(ROOT_KEY), clock: movableClock(START), settings });

  test('a signature of another length is refused, and is no fault of ours', () => {
    const { accessToken } = tokens.issue(SUBJECT);
    expect(tokens.verify(accessToken)).toEqual(CLAIMS);
    for (const other of [
      accessToken.slice(0, -4),
      `${accessToken}AAAA`,
      accessToken.replace(/[^.]+$/, 'AAAA'),
      accessToken.replace(/[^.]+$/, ''),
    ])
      expect(() => tokens.verify(other)).toThrow(expect.objectContaining({ code: 'invalid_token' }));
  });

  test('a signature that is spelt in another way is refused, though its bytes are the same', () => {
    const { accessToken } = tokens.issue(SUBJECT);
    const bytes = (token: string): string => Buffer.from(token.slice(-86), 'base64url').toString('hex');
    const spellings = Array.from('BCDEFGHIJKLMNOPRSTUVWXYZabcdefhijklmnopqrstuvxyz0123456789-_')
      .map((last) => accessToken.slice(0, -1) + last)
      .filter((other) => bytes(other) === bytes(accessToken));
    expect(spellings).toHaveLength(15);
    for (const other of spellings) expect(() => tokens.verify(other)).toThrow(expect.objectContaining({ code: 'invalid_token' }));
  });
});

describe('the claims of an access token', () => {
  const claims = { ...CLAIMS, jti: '1', sub: '1234567890123456' };

  test('are these, each of its type', () => {
    expect(isAccessTokenPayload(claims)).toBe(true);
    for (const claim of Object.keys(claims))
      for (const value of [undefined, null, true, 1.5, {}, [[]]])
        expect([claim, value, isAccessTokenPayload({ ...claims, [claim]: value })]).toEqual([
          claim,
          value,
          value === undefined && OPTIONAL.has(claim),
        ]);
  });

  test.each([
    ['a user that is no number', { sub: '7x' }],
    ['a user of 17 digits', { sub: '12345678901234567' }],
    ['a list with the session', { sid: [SESSION] }],
    ['a counter of 0', { refresh_counter: 0 }],
    ['a method among others that is none', { amr: ['pwd', 1] }],
  ])('are not with %s', (_, change) => {
    expect(isAccessTokenPayload({ ...claims, ...change })).toBe(false);
  });

  test.each([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'text'],
    ['a list', Object.assign([], claims)],
    ['a function', Object.assign(() => undefined, claims)],
  ])('are not %s', (_, payload) => {
    expect(isAccessTokenPayload(payload)).toBe(false);
  });
});
