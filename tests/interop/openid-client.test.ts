import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as oauth from 'openid-client';
import { createLiveAuth, type LiveAuth } from '../support/live-auth.js';

/** Marked as deprecated by the library, to make it stand out where it is no test. */
const OVER_HTTP = 'allowInsecureRequests';
const { [OVER_HTTP]: overHttp } = oauth;
const OPTIONS = { algorithm: 'oauth2', execute: [overHttp] } satisfies oauth.DiscoveryRequestOptions;

describe('openid-client', () => {
  let auth: LiveAuth;
  let app: oauth.Configuration;
  let service: oauth.Configuration;
  beforeAll(async () => {
    auth = await createLiveAuth();
    const key = await auth.serviceKey();
    const issuer = new URL(auth.issuer);
    app = await oauth.discovery(issuer, 'single-page-app', {}, oauth.None(), OPTIONS);
    const byServiceKey: oauth.ClientAuth = (_server, _client, _body, headers) => {
      headers.set('Authorization', `Bearer ${key}`);
    };
    service = await oauth.discovery(issuer, 'shop', {}, byServiceKey, OPTIONS);
  });
  afterAll(() => auth.close());

  const logIn = async () => {
    const { username, password } = await auth.createUser();
    return oauth.genericGrantRequest(app, 'password', { username, password });
  };
  const refreshTokenOf = ({ refresh_token }: { refresh_token?: string }): string => refresh_token ?? '';

  test('discovers the service', () => {
    const metadata = app.serverMetadata();
    expect(metadata.issuer).toBe(auth.issuer);
    expect(metadata.grant_types_supported).toEqual(['password', 'refresh_token', 'urn:lingomate:grant:step-up']);
  });

  test('logs in, and refreshes', async () => {
    const tokens = await logIn();
    expect(tokens).toMatchObject({ token_type: 'bearer', scope: 'user', access_token: expect.any(String) });
    expect(tokens.expires_in).toBe(1800);
    const next = await oauth.refreshTokenGrant(app, refreshTokenOf(tokens));
    expect(next.access_token).not.toBe(tokens.access_token);
    expect(next.refresh_token).not.toBe(tokens.refresh_token);
  });

  test('asks for less scope at a refresh and is answered all the same', async () => {
    const next = await oauth.refreshTokenGrant(app, refreshTokenOf(await logIn()), { scope: 'user' });
    expect(next.scope).toBe('user');
  });

  test('introspects with a service key, and learns that a revoked token is not active', async () => {
    const tokens = await logIn();
    const told = await oauth.tokenIntrospection(service, tokens.access_token);
    expect(told).toMatchObject({ active: true, scope: 'user', iss: auth.issuer, aud: 'lingomate', token_type: 'bearer' });
    const refreshToken = refreshTokenOf(tokens);
    expect(await oauth.tokenIntrospection(service, refreshToken)).toMatchObject({ active: true, token_type: 'refresh_token' });
    await oauth.tokenRevocation(app, refreshToken, { token_type_hint: 'refresh_token' });
    for (const token of [tokens.access_token, refreshToken]) {
      expect(await oauth.tokenIntrospection(service, token)).toEqual({ active: false });
    }
  });

  test('revokes an unknown token as it does any other', async () => {
    await expect(oauth.tokenRevocation(app, 'nonsense')).resolves.toBeUndefined();
  });

  test('understands why it is refused', async () => {
    const { username } = await auth.createUser();
    const wrong = oauth.genericGrantRequest(app, 'password', { username, password: 'wrong' });
    await expect(wrong).rejects.toMatchObject({ code: 'OAUTH_WWW_AUTHENTICATE_CHALLENGE', status: 401 });
    await expect(oauth.refreshTokenGrant(app, 'nonsense')).rejects.toMatchObject({ error: 'invalid_grant', status: 400 });
    const unknown = oauth.genericGrantRequest(app, 'urn:example:unknown', {});
    await expect(unknown).rejects.toMatchObject({ error: 'unsupported_grant_type', status: 400 });
    const missing = oauth.genericGrantRequest(app, 'password', { username });
    await expect(missing).rejects.toMatchObject({ error: 'invalid_request' });
    const without = oauth.tokenIntrospection(app, 'nonsense');
    await expect(without).rejects.toMatchObject({ code: 'OAUTH_WWW_AUTHENTICATE_CHALLENGE', status: 401 });
  });

  test('meets a refresh token that was used long ago: its session has ended', async () => {
    const tokens = await logIn();
    const next = await oauth.refreshTokenGrant(app, refreshTokenOf(tokens));
    await oauth.tokenIntrospection(service, next.access_token);
    auth.clock.advance(31);
    const again = oauth.refreshTokenGrant(app, refreshTokenOf(tokens));
    await expect(again).rejects.toMatchObject({ error: 'invalid_grant', error_description: expect.stringMatching(/used before/) });
    expect(await oauth.tokenIntrospection(service, next.access_token)).toEqual({ active: false });
  });
});
