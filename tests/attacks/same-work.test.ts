import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import supertest from 'supertest';
import { loadConfig } from '../../config/index.js';
import { buildApp } from '../../src/app.js';
import { type Container, createContainer } from '../../src/container.js';
import { byClient, OPERATOR } from '../../src/lib/actor.js';
import { CLIENT } from '../support/client.js';
import { freshPlace } from '../support/stored-app.js';

// Who has an account must not show in how long an answer takes. What takes the time is the work that is done: here every
// statement that reaches the database, in its order, with all values blotted out.

const PASSWORD = 'a password for tests';
const ADDRESS = 'owner@example.com';
const STRANGER = { caller: { kind: 'nobody' }, refreshToken: undefined, client: CLIENT } as const;

let place: Awaited<ReturnType<typeof freshPlace>>;
let container: Container;
let app: ReturnType<typeof buildApp>;
let statements: string[] = [];
beforeAll(async () => {
  place = await freshPlace();
  const key = () => randomBytes(64).toString('base64url');
  // The owner of an account is asked about more often here than limits let anybody.
  const limits = { LIMIT_MAILS_PER_ACCOUNT: 100, LIMIT_FAILURES_PER_ACCOUNT: 100 };
  const settings = { NODE_ENV: 'test', BCRYPT_ROUNDS: 4, LOG_LEVEL: 'silent', SECRET_KEY: key(), ROOT_KEY: key(), ...limits };
  container = createContainer(loadConfig({ ...settings, DATABASE_URL: place.url }));
  await container.prepare();
  const { users, admin, outbox } = container.services;
  const register = (username: string, email?: string) =>
    users.register({ username, password: PASSWORD, ...(email === undefined ? {} : { email }) }, byClient(CLIENT));
  await register('owner', ADDRESS);
  const [mail] = await outbox.mailbox(ADDRESS);
  await users.verifyEmail(mail?.token ?? '', STRANGER);
  await register(ADDRESS);
  await register('squatted@example.com');
  await register('without-address');
  await register('unverified', 'unverified@example.com');
  await register('disabled', 'disabled@example.com');
  const [other] = await outbox.mailbox('disabled@example.com');
  await users.verifyEmail(other?.token ?? '', STRANGER);
  await admin.change((await users.findByName('disabled')).id, { disabled: true }, OPERATOR);
  // Sequelize hands each statement to whoever it is told to log to.
  const options: unknown = Reflect.get(container.database.sequelize, 'options');
  if (typeof options !== 'object' || options === null) throw new TypeError('Sequelize keeps its options');
  Reflect.set(options, 'logging', (sql: string) => statements.push(sql));
  // Without the jobs, whose statements would come in between.
  app = buildApp({ ...container, start: () => container.prepare() });
});
afterAll(async () => {
  await container.close();
  await place.drop();
});

/** The shape of a statement: what it does to which table and columns. */
const shapeOf = (sql: string): string =>
  sql
    .replace(/^Executing \([^)]*\): /, '')
    .replace(/'(?:[^']|'')*'/g, '?')
    .replace(/\$\d+|\bNULL\b|\b\d+\b/g, '?')
    .replace(/; \[.*$|; \{.*$/s, '')
    .replace(/"[0-9a-f-]{36}"/g, '?');

/** What a request makes the database do. */
async function workOf(path: string, body: object): Promise<{ status: number; work: string[] }> {
  statements = [];
  const { status } = await supertest(app).post(path).send(body);
  return { status, work: statements.map(shapeOf) };
}

const STRANGERS = [
  'nobody-at-all',
  'nobody@example.com',
  'without-address',
  'unverified',
  'unverified@example.com',
  'disabled',
  'disabled@example.com',
];

describe('asking for a password reset', () => {
  test.each(STRANGERS)('does the same work for %s as for a user who gets a mail', async (identifier) => {
    const present = await workOf('/password/forgot', { identifier: 'owner' });
    const absent = await workOf('/password/forgot', { identifier });
    expect(present.work.filter((sql) => sql.startsWith('INSERT INTO')).length).toBeGreaterThanOrEqual(3);
    expect(absent).toEqual(present);
  });
});

describe('a log-in that fails', () => {
  test.each(STRANGERS)('does the same work for %s as for a user with a wrong password', async (username) => {
    const present = await workOf('/token', { username: 'owner', password: 'wrong' });
    expect(await workOf('/token', { username, password: 'wrong' })).toEqual(present);
    expect(present.status).toBe(401);
  });
});

describe('a username that is an address', () => {
  const forms = (username: string): [string, object][] => [
    ['/token', { username, password: 'wrong' }],
    ['/token', { username, password: PASSWORD }],
    ['/password/forgot', { identifier: username }],
    ['/password/reset', { username, recovery_code: 'guess', new_password: 'a passphrase that is new' }],
  ];
  test.each(forms(ADDRESS))('makes %s do the same work with %j whether another account has verified it', async (path, body) => {
    const [, other] =
      forms('squatted@example.com').find(
        ([, one]) => JSON.stringify(one) === JSON.stringify(body).replace(ADDRESS, 'squatted@example.com'),
      ) ?? [];
    const present = await workOf(path, body);
    expect(await workOf(path, other ?? {})).toEqual(present);
  });
});

describe('a recovery code that is wrong', () => {
  test.each(['nobody-at-all', 'without-address', 'disabled'])('does the same work for %s as for a user', async (username) => {
    const body = { recovery_code: 'guess', new_password: 'a passphrase that is new' };
    const present = await workOf('/password/reset', { ...body, username: 'owner' });
    expect(await workOf('/password/reset', { ...body, username })).toEqual(present);
    expect(present.status).toBe(400);
  });
});

describe('registering with an address', () => {
  test('does the same work whether the address is somebody’s', async () => {
    const free = await workOf('/register', { username: 'free-one', password: PASSWORD, email: 'free@example.com' });
    const taken = await workOf('/register', { username: 'taken-one', password: PASSWORD, email: ADDRESS });
    expect(taken).toEqual(free);
    expect(free.status).toBe(201);
  });
});
