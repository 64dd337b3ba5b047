import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { Overrides } from '../../src/container.js';
import { createTestAuth, type TestAuth } from '../../src/testing.js';
import { type LiveServer, serve } from './live-server.js';
import { listen, stop } from './raw-http.js';

/** A service under test that listens at its own issuer. */
export interface LiveAuth extends TestAuth {
  readonly issuer: string;
  readonly secretKey: string;
  /** A new service key with the scope `introspect`. */
  serviceKey(): Promise<string>;
  /** A new access token of a new user. */
  newToken(): Promise<string>;
  /** Nobody listens at the issuer until `comeBack`. */
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await stop(server);
  return port;
}

export async function createLiveAuth(
  settings: Readonly<Record<string, string>> = {},
  overrides: Partial<Overrides> = {},
): Promise<LiveAuth> {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const secretKey = randomBytes(64).toString('base64url');
  const keys = { SECRET_KEY: secretKey, ROOT_KEY: randomBytes(48).toString('base64url') };
  const auth = await createTestAuth({ ISSUER: issuer, ...keys, ...settings }, overrides);
  let server: LiveServer = await serve(auth.app, port);
  return {
    ...auth,
    issuer,
    secretKey,
    serviceKey: async () => (await auth.services.serviceKeys.create({ name: 'shop', scopes: ['introspect'] })).key,
    newToken: async () => auth.token(await auth.createUser()),
    goAway: () => server.close(),
    comeBack: async () => {
      server = await serve(auth.app, port);
    },
    close: async () => {
      await server.close();
      await auth.close();
    },
  };
}
