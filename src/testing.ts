import type supertest from 'supertest';
import { loadConfig, type SettingsInput } from '../config/index.js';
import { createHasher, type Hasher } from './adapters/hasher.js';
import { buildApp } from './app.js';
import { createContainer, type Overrides, type Services } from './container.js';
import { AppError } from './errors/app-error.js';
import { byClient, OPERATOR } from './lib/actor.js';
import { movableClock } from './lib/clock.js';
import { errorCode } from './lib/error-code.js';
import { actorOf } from './middleware/authenticate.js';
import { checker } from './middleware/validate.js';
import type { TestAuth as PublicTestAuth, TestSession, TestUser, TestUserInput } from './public-types.js';
import { ownVerifier } from './resource-server/verifier.js';
import { registerBody } from './validators/user.validator.js';

type App = ReturnType<typeof buildApp>;

type Agent = ReturnType<typeof supertest.agent>;

export type { TestSession, TestUser };

/** The kit with the inner parts of its service, for this repository's own tests; the package exports it without them (`test-kit.ts`). */
export interface TestAuth extends PublicTestAuth<Agent> {
  readonly app: App;
  readonly services: Services;
}

/** bcrypt's cheapest cost: a test has nothing to protect. */
const CHEAP_ROUNDS = 4;
const PASSWORD = 'a password for tests';
/** Users made at once: enough that hashing and writing overlap. */
const AT_ONCE = 16;
/** Hashes and transactions wait for as many users as a test makes at once. */
const QUEUE_LIMIT = 10_000;
const SETTINGS: SettingsInput = {
  NODE_ENV: 'test',
  DATABASE_URL: 'sqlite::memory:',
  BCRYPT_ROUNDS: CHEAP_ROUNDS,
  HASH_QUEUE_LIMIT: QUEUE_LIMIT,
  DATABASE_QUEUE_LIMIT: QUEUE_LIMIT,
  LOG_LEVEL: 'silent',
};
/** A suite tries more often than anybody may. */
const NO_LIMITS: SettingsInput = { RATE_LIMIT: 'off' };

/** Who logs in where no request does. */
const TEST_CLIENT = { ip: '127.0.0.1', userAgent: 'lingomate-auth/testing', requestId: null };

/** An agent's jar gives out cookies that are for https over https alone; supertest speaks http. */
function sendingSecureCookies(agent: Agent): Agent {
  const { jar } = agent;
  const getCookies = jar.getCookies.bind(jar);
  jar.getCookies = (access) => getCookies(Object.assign(access, { secure: true }));
  return agent;
}

/** Loads supertest, which only agents need: it is the project's own, and no dependency of the service. */
async function loadSupertest(): Promise<typeof supertest> {
  try {
    return (await import('supertest')).default;
  } catch (cause) {
    if (errorCode(cause) !== 'ERR_MODULE_NOT_FOUND' && errorCode(cause) !== 'MODULE_NOT_FOUND') throw cause;
    throw new Error('auth.agent() needs supertest in your project: npm install --save-dev supertest', { cause });
  }
}

/** Users of one password share one hash: real, but made once, where a suite makes a thousand users. */
function rememberingDigests(hasher: Hasher): Hasher {
  const made = new Map<string, Promise<string>>();
  return {
    ...hasher,
    digest: (password, recipe, flow) => {
      const { salt: _salt, ...settings } = recipe;
      const key = JSON.stringify([password, settings]);
      const known = made.get(key);
      if (known !== undefined) return known;
      const digest = hasher.digest(password, recipe, flow);
      made.set(key, digest);
      digest.catch(() => made.delete(key));
      return digest;
    },
  };
}

/** Makes users as they would register, and gives them what only others could. */
function createUsersOf({ admin, outbox, users }: Services, passwordMinLength: number): TestAuth['createUser'] {
  let made = 0;
  const check = checker(registerBody(passwordMinLength));

  const verify = async (email: string | null): Promise<void> => {
    const mail = (await outbox.mailbox(email ?? undefined)).find(({ purpose }) => purpose === 'email_verification');
    if (email === null || typeof mail?.token !== 'string') throw new TypeError('there is no address that could be verified');
    await users.verifyEmail(mail.token, { caller: { kind: 'nobody' }, refreshToken: undefined, client: TEST_CLIENT });
  };
  const createUser = async (input: TestUserInput = {}): Promise<TestUser> => {
    const isNamed = typeof input.username === 'string';
    if (!isNamed) made += 1;
    const { roles, emailVerified, email = null, username, password, ...unknown } = input;
    const user = { ...unknown, username: username ?? `user-${made}`, password: password ?? PASSWORD.padEnd(passwordMinLength, '.') };
    try {
      const { id } = await users.add(check({ ...user, email }), byClient(TEST_CLIENT));
      if (emailVerified === true) await verify(email);
      if (roles !== undefined && roles !== null) await admin.change(id, { roles }, OPERATOR);
      return { id, username: user.username, password: user.password };
    } catch (error) {
      const taken = error instanceof AppError && error.code === 'username_taken';
      // A name that we made up may be one that the test has given to somebody.
      if (taken && !isNamed) return createUser(input);
      throw error;
    }
  };
  return createUser;
}

/**
 * An isolated service for a test suite: in memory, with cheap hashes and a clock that tests move. Nothing of the
 * environment reaches it, and nothing is limited but in production. `settings` stand before its own, by their names in the environment.
 */
export async function createTestAuth(settings: SettingsInput = {}, overrides: Partial<Overrides> = {}): Promise<TestAuth> {
  const clock = movableClock(Date.now());
  const config = loadConfig({ ...SETTINGS, ...(settings['NODE_ENV'] === 'production' ? {} : NO_LIMITS), ...settings });
  const hasher = overrides.hasher ?? rememberingDigests(createHasher(config.password));
  const container = createContainer(config, { clock, ...overrides, hasher });
  await container.start();
  const app = buildApp(container);
  const { auth, outbox, reauthentication, sessions } = container.services;
  const createUser = createUsersOf(container.services, config.password.minLength);
  const session = async ({ username, password }: TestUser): Promise<TestSession> => {
    const { accessToken, refreshToken } = await auth.logIn({ username, password }, TEST_CLIENT);
    return { id: refreshToken.split('.')[0] ?? '', accessToken, refreshToken };
  };
  const token = async (user: TestUser): Promise<string> => (await session(user)).accessToken;
  const stepUp: TestAuth['stepUp'] = async ({ password }, accessToken) => {
    const actor = actorOf(await sessions.authenticate(accessToken), TEST_CLIENT);
    return (await reauthentication.stepUp(actor, password)).accessToken;
  };

  return {
    app,
    clock,
    session,
    token,
    stepUp,
    createUser,
    services: container.services,
    verifier: ownVerifier({ issuer: config.token.issuer, sessions: container.services.sessions, start: () => container.start() }),
    createUsers: async (count) => {
      const users: TestUser[] = [];
      let left = count;
      const next = async (): Promise<void> => {
        while (left > 0) {
          left -= 1;
          users.push(await createUser());
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, next));
      return users.sort((one, other) => one.id - other.id);
    },
    agent: async (user) => {
      const supertest = await loadSupertest();
      const agent = sendingSecureCookies(supertest.agent(app)).set('Origin', config.http.corsOrigins[0] ?? config.http.publicUrl);
      return user === undefined ? agent : agent.set('Authorization', `Bearer ${await token(user)}`);
    },
    mails: (to) => outbox.mailbox(to),
    close: () => container.close(),
  };
}
