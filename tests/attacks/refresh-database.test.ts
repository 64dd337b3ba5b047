import { createPrivateKey, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../config/index.js';
import { createContainer } from '../../src/container.js';
import { expectInvalidToken } from '../support/answers.js';
import { CLIENT } from '../support/client.js';
import { dumpOf } from '../support/stolen-database.js';
import { callsOf, EVERYWHERE, expectRefused, NOWHERE, type SessionCalls, type Tokens } from '../support/session-calls.js';
import { createStoredApp, freshPlace, type StoredApp } from '../support/stored-app.js';
import { createTestApp } from '../support/test-app.js';
import { signed, specimenOf } from '../support/tokens.js';

const TABLES = ['auth_sessions', 'auth_service_keys', 'auth_signing_keys', 'auth_revocations', 'users'];

describe('who reads the whole database', () => {
  let auth: StoredApp;
  let calls: SessionCalls;
  let tokens: Tokens;
  let texts: readonly string[];
  beforeAll(async () => {
    auth = await createStoredApp({ ALGORITHM: 'ES256' });
    calls = await callsOf(auth);
    const user = await auth.createUser();
    tokens = await calls.refreshed((await auth.session(user)).refreshToken);
    await calls.revoke((await auth.session(user)).refreshToken);
    const dump = await dumpOf(auth.users.sequelize);
    expect(dump.tables).toEqual(expect.arrayContaining(TABLES));
    ({ texts } = dump);
  });
  afterAll(() => auth.close());

  test('finds no refresh token, access token, service key or private key, nor the part of one that is secret', () => {
    const secretOf = (token: string): string => token.split('.')[2] ?? '';
    const { key } = auth.services.keys.signing();
    const secrets = [
      tokens.refreshToken,
      secretOf(tokens.refreshToken),
      Buffer.from(secretOf(tokens.refreshToken), 'base64url').toString('hex'),
      tokens.accessToken,
      secretOf(tokens.accessToken),
      calls.serviceKey,
      calls.serviceKey.replace('lingomate_sk_', ''),
      'PRIVATE KEY',
      String(key.export({ format: 'jwk' }).d),
      key.export({ format: 'der', type: 'pkcs8' }).toString('base64').slice(0, 60),
    ];
    expect(secrets.filter((secret) => secret.length < 10)).toEqual([]);
    expect(secrets.filter((secret) => texts.some((text) => text.includes(secret)))).toEqual([]);
    for (const text of texts) expect(() => createPrivateKey(text)).toThrow();
  });

  test('has nothing that is taken for a refresh token', async () => {
    const [id = '', counter = ''] = tokens.refreshToken.split('.');
    expect(texts).toContain(id);
    for (const text of texts) {
      expectRefused(await calls.refresh(text), 'invalid_grant');
      const composed = auth.services.sessions.refresh(`${id}.${counter}.${text}`, CLIENT);
      await expect(composed).rejects.toMatchObject({ code: 'invalid_grant' });
    }
  });

  test('has nothing that is taken for a service key', async () => {
    for (const text of texts) {
      const response = await auth
        .http()
        .get('/revocations')
        .set('Authorization', `Bearer ${encodeURI(text)}`);
      expectInvalidToken(response);
      await expect(auth.services.serviceKeys.authenticate(`lingomate_sk_${text}`)).rejects.toMatchObject({ code: 'invalid_token' });
    }
  });

  test('has nothing that is taken for an access token, or signs one', async () => {
    const { header, claims } = specimenOf(tokens.accessToken, '');
    for (const text of texts) {
      expectInvalidToken(await auth.http().get(`/verify-token/${encodeURIComponent(text)}`));
      for (const alg of ['ES256', 'HS256']) {
        const forged = auth.services.sessions.authenticate(signed({ ...header, alg }, claims, text));
        await expect(forged).rejects.toMatchObject({ code: 'invalid_token' });
      }
    }
  });

  test('has ended nothing by all this', async () => {
    await calls.expectAlive(tokens);
  });
});

describe('keys apart', () => {
  const key = (): string => randomBytes(64).toString('base64url');
  const [SECRET_KEY, ROOT_KEY] = [key(), key()];
  let place: Awaited<ReturnType<typeof freshPlace>>;
  beforeAll(async () => {
    place = await freshPlace();
  });
  afterAll(() => place.drop());
  /** What `keys accept-root-key` does. */
  const accept = async (rootKey: string): Promise<void> => {
    const settings = { NODE_ENV: 'test', DATABASE_URL: place.url, SECRET_KEY, ROOT_KEY: rootKey, LOG_LEVEL: 'silent' };
    const container = createContainer(loadConfig(settings));
    await container.services.installation.acceptRootKey();
    await container.close();
  };

  test('under another ROOT_KEY, which was accepted, no refresh token and no service key is taken; under the right one they are again', async () => {
    const right = await createTestApp({ DATABASE_URL: place.url, SECRET_KEY, ROOT_KEY });
    const calls = await callsOf(right);
    const tokens = await right.session(await right.createUser());

    const another = key();
    await accept(another);
    const wrong = await createTestApp({ DATABASE_URL: place.url, SECRET_KEY, ROOT_KEY: another });
    const theirs = await callsOf(wrong);
    expectRefused(await theirs.refresh(tokens.refreshToken), 'invalid_grant');
    expect(await theirs.isTaken('/introspect', tokens.refreshToken)).toBe(false);
    expectInvalidToken(await wrong.http().get('/revocations').set('Authorization', `Bearer ${calls.serviceKey}`));
    const forged = await wrong.session(await wrong.createUser());
    expectRefused(await calls.refresh(forged.refreshToken), 'invalid_grant');

    await calls.expectAlive(tokens);
    await Promise.all([right.close(), wrong.close()]);
    await accept(ROOT_KEY);
  });

  test('under another SECRET_KEY no access token is taken, and refresh tokens are: nothing else hangs on it', async () => {
    const before = await createTestApp({ DATABASE_URL: place.url, SECRET_KEY, ROOT_KEY });
    const tokens = await before.session(await before.createUser());
    const after = await createTestApp({ DATABASE_URL: place.url, SECRET_KEY: key(), ROOT_KEY });
    const calls = await callsOf(after);
    expect(await calls.whereTaken(tokens.accessToken)).toEqual(NOWHERE);
    expect(await calls.whereTaken((await calls.refreshed(tokens.refreshToken)).accessToken)).toEqual(EVERYWHERE);
    await Promise.all([before.close(), after.close()]);
  });
});
