import { randomBytes } from 'node:crypto';
import express, { type Express } from 'express';
import type { Server } from 'node:http';
import { createDatabase } from '../../src/adapters/database.js';
import type { Hasher } from '../../src/adapters/hasher.js';
import { createHttpServer } from '../../src/http-server.js';
import { byClient, OPERATOR } from '../../src/lib/actor.js';
import { createTestAuth, type TestAuth, type TestUser } from '../../src/testing.js';
import { text } from './answers.js';
import { actorOf, CLIENT } from './client.js';
import { createDumper, type Dump } from './database-dump.js';
import type { KnownName } from './known-things.js';
import { mailedToken } from './mailed.js';
import { listen, stop } from './raw-http.js';
import { openTarget } from './test-database.js';

/** A service that listens, in which everything that a request can name is there. */
export interface KnownService {
  readonly port: number;
  /** What a name stands for. */
  lookup(name: KnownName): string;
  dump(): Promise<Dump>;
  close(): Promise<void>;
}

const PASSWORD = 'Kn0wn to everybody – and repeated by nobody';
const ADDRESS = { ada: 'ada@known.example', bob: 'bob@known.example', nobody: 'nobody@known.example' };

/** On the kind of database that the run is for. `around` stands before the app, for what a control test spoils. */
export async function createKnownService(hasher: Hasher, around?: (app: Express, auth: TestAuth) => Express): Promise<KnownService> {
  const place = await openTarget(process.env['TEST_DATABASE_URL'] === undefined ? 'SQLite in memory' : 'PostgreSQL');
  const database = createDatabase(place.target);
  const shared: Hasher = { ...hasher, close: () => Promise.resolve() };
  const key = (): string => randomBytes(48).toString('base64url');
  const auth = await createTestAuth({ DATABASE_URL: place.url, SECRET_KEY: key(), ROOT_KEY: key() }, { database, hasher: shared });
  const things = await fill(auth);
  const app = around === undefined ? auth.app : around(express().disable('x-powered-by'), auth);
  const server: Server = createHttpServer(app);
  return {
    port: await listen(server),
    lookup: (name) => things[name],
    dump: await createDumper(database),
    close: async () => {
      await stop(server);
      await auth.close();
      await place.drop();
    },
  };
}

async function fill(auth: TestAuth): Promise<Readonly<Record<KnownName, string>>> {
  const { services } = auth;
  const user = (username: string, more: object = {}): Promise<TestUser> => auth.createUser({ username, password: PASSWORD, ...more });
  const [ada, bob] = [await user('ada', { email: ADDRESS.ada, emailVerified: true }), await user('bob', { email: ADDRESS.bob })];
  // Two, so that each of them may go.
  const [root, mallory] = [await user('root', { roles: ['user', 'admin'] }), await user('mallory')];
  await user('toor', { roles: ['user', 'admin'] });

  const [first, bobs, roots] = [await auth.session(ada), await auth.session(bob), await auth.session(root)];
  const mallorys = await auth.session(mallory);
  await services.admin.change(mallory.id, { disabled: true }, OPERATOR);
  const adas = await services.sessions.refresh(first.refreshToken, CLIENT);
  const actor = actorOf(ada.id, first.id, auth.clock.now());
  const [code] = await services.users.makeRecoveryCodes(actor, PASSWORD);
  await services.passwordResets.request('ada', CLIENT);
  const { invitation } = await services.admin.create({ username: 'guest' }, byClient(CLIENT));

  // A token that is issued for the same session in the same second is the same one, and would look like one that was repeated.
  auth.clock.advance(1);
  return {
    'everybody’s password': PASSWORD,
    ada: 'ada',
    bob: 'bob',
    root: 'root',
    'ada’s address': ADDRESS.ada,
    'bob’s address': ADDRESS.bob,
    'nobody’s address': ADDRESS.nobody,
    'ada’s id': String(ada.id),
    'bob’s id': String(bob.id),
    'root’s id': String(root.id),
    'ada’s session': first.id,
    'bob’s session': bobs.id,
    'root’s session': roots.id,
    'ada’s recovery code': code ?? '',
    'ada’s access token': adas.accessToken,
    'bob’s access token': bobs.accessToken,
    'root’s access token': roots.accessToken,
    'mallory’s access token': mallorys.accessToken,
    'ada’s refresh token': adas.refreshToken,
    'ada’s old refresh token': first.refreshToken,
    'bob’s refresh token': bobs.refreshToken,
    'root’s refresh token': roots.refreshToken,
    'the service key': (await services.serviceKeys.create({ name: 'a shop', scopes: ['introspect'] })).key,
    'ada’s reset token': await mailedToken(auth, ADDRESS.ada, 'password_reset'),
    'bob’s verification token': await mailedToken(auth, ADDRESS.bob, 'email_verification'),
    'an invitation': text({ invitation }, 'invitation', 'token'),
  };
}
