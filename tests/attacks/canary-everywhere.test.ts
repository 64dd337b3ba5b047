import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import type { Server } from 'node:http';
import { loadConfig } from '../../config/index.js';
import { buildApp } from '../../src/app.js';
import { createContainer } from '../../src/container.js';
import { createHttpServer } from '../../src/http-server.js';
import { createLogger } from '../../src/observability/logger.js';
import type { TestUser } from '../../src/testing.js';
import { entriesOf, member, text } from '../support/answers.js';
import { type DatabaseDump, dumpOf } from '../support/stolen-database.js';
import { documentedEndpoints, type Endpoint } from '../support/endpoints.js';
import { freePort } from '../support/live-auth.js';
import { mailedToken } from '../support/mailed.js';
import { exchange, get, listen, postJson, type RawAnswer, request, stop } from '../support/raw-http.js';
import { createStoredApp, type StoredApp } from '../support/stored-app.js';
import { createTestApp } from '../support/test-app.js';

/** Is nowhere unless somebody repeats it. */
const CANARY = `Canary.${randomBytes(9).toString('hex')}`;
/** Members that hold a secret, wherever they are; `code` is also one of a fault. */
const SECRET = /password|token$|recovery_code|secret|credential|_key$/;
/** A refusal of a name, so that none of these bodies makes an account that bears the canary by right. */
const NO_NAME = `${CANARY} `;

const carries = (said: string, secrets: readonly string[]): string[] =>
  secrets.filter((secret) => said.toLowerCase().includes(secret.toLowerCase()));

/** The members of each kind of body that an endpoint says it takes, with the example of each. */
function bodiesOf({ operation }: Endpoint, document: unknown): [type: string, members: [name: string, example: unknown][]][] {
  const resolved = (schema: unknown): unknown => {
    const reference = member(schema, '$ref');
    return typeof reference === 'string' ? member(document, ...reference.split('/').slice(1)) : schema;
  };
  return entriesOf(member(operation, 'requestBody', 'content')).flatMap(([type, content]) => {
    const schema = resolved(member(content, 'schema'));
    const choices: unknown = member(schema, 'anyOf');
    const kinds = Array.isArray(choices) ? choices.map(resolved) : [schema];
    return kinds.map((kind): [string, [string, unknown][]] => [
      type,
      entriesOf(member(kind, 'properties')).map(([name, property]): [string, unknown] => {
        const examples = member(property, 'examples');
        return [name, Array.isArray(examples) ? examples[0] : undefined];
      }),
    ]);
  });
}

const written = (type: string, members: [string, unknown][]): string =>
  type.endsWith('urlencoded')
    ? members.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join('&')
    : JSON.stringify(Object.fromEntries(members));

describe('a password or a token that is sent to any documented endpoint', () => {
  let auth: StoredApp;
  let server: Server;
  let port: number;
  let endpoints: Endpoint[];
  let document: unknown;
  /** Who asks, as a line of the head. */
  let callers: string[];
  let users: TestUser[];
  const logIn = async (): Promise<void> => {
    const tokens = await Promise.all(users.map((user) => auth.token(user)));
    callers = ['X-Nobody: x', ...tokens.map((token) => `Authorization: Bearer ${token}`)];
  };
  const met = new Set<string>();
  beforeAll(async () => {
    auth = await createStoredApp();
    users = [await auth.createUser(), await auth.createUser({ roles: ['admin'] })];
    await logIn();
    document = (await auth.http().get('/openapi.json')).body;
    endpoints = await documentedEndpoints(auth);
    server = createHttpServer(auth.app);
    port = await listen(server);
  });
  afterAll(async () => {
    await stop(server);
    await auth.close();
  });

  const send = async (method: string, path: string, headers: readonly string[], body = ''): Promise<void> => {
    const length = body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
    const { wire } = await exchange(port, request(method, path, { headers: [...headers, ...length], body }));
    expect(wire).toMatch(/^HTTP\/1\.1 [2-4]\d\d/);
    expect([method, path, headers, body, carries(wire, [CANARY])]).toEqual([method, path, headers, body, []]);
  };
  /** To it, as everybody. */
  const sendAs = async (endpoint: Endpoint, further: readonly string[], body?: string, query = ''): Promise<void> => {
    for (const caller of callers)
      await send(endpoint.method, endpoint.path.replace(/\{\w+\}/, '999999') + query, [caller, ...further], body);
    if (endpoint.path === '/logout') await logIn();
  };

  test('in the members for secrets, with all others as they should be, is in no answer', async () => {
    for (const endpoint of endpoints) {
      for (const [type, members] of bodiesOf(endpoint, document)) {
        const secret = members.filter(([name]) => SECRET.test(name)).map(([name]) => name);
        for (const name of secret) met.add(name);
        const body = members.map(([name, example]): [string, unknown] => [
          name,
          secret.includes(name) ? CANARY : name === 'username' ? NO_NAME : example,
        ]);
        await sendAs(
          endpoint,
          [`Content-Type: ${type}`],
          written(
            type,
            body.filter(([, value]) => value !== undefined),
          ),
        );
      }
    }
    expect([...met].sort()).toEqual(
      expect.arrayContaining(['current_password', 'new_password', 'password', 'recovery_code', 'refresh_token', 'token']),
    );
  });

  test('in every member, of its type or not, is in no answer', async () => {
    for (const endpoint of endpoints) {
      for (const [type, members] of bodiesOf(endpoint, document)) {
        for (const value of [NO_NAME, [NO_NAME], { value: NO_NAME }])
          await sendAs(
            endpoint,
            [`Content-Type: ${type}`],
            written(
              type,
              members.map(([name]) => [name, value]),
            ),
          );
      }
    }
  });

  test('as the whole body, in what is no JSON, and of any type is in no answer', async () => {
    for (const endpoint of endpoints) {
      for (const type of ['application/json', 'application/x-www-form-urlencoded', 'application/x-ndjson', 'text/csv', CANARY])
        await sendAs(endpoint, [`Content-Type: ${type}`], `{"password":"${CANARY}","password":${CANARY}\n,x=${CANARY}`);
    }
  });

  test('in the path, the query and the headers is in no answer', async () => {
    for (const endpoint of endpoints) {
      const { method, path, operation } = endpoint;
      const parameters: unknown = member(operation, 'parameters');
      const names = Array.isArray(parameters) ? parameters.map((one: unknown) => text(one, 'name')) : [];
      const query = `?${[...names, 'password', 'token'].map((name) => `${name}=${CANARY}`).join('&')}`;
      await sendAs(endpoint, [], undefined, query);
      await send(method, path.replace(/\{\w+\}/, CANARY), []);
      for (const header of [
        `Authorization: Bearer ${CANARY}`,
        `Authorization: Basic ${CANARY}`,
        `Authorization: Bearer lingomate_sk_${CANARY}`,
        `Cookie: __Host-refresh_token=${CANARY}; __Host-device=${CANARY}`,
        `Proxy-Authorization: Basic ${CANARY}`,
        `X-Api-Key: ${CANARY}`,
      ])
        await send(method, path.replace(/\{\w+\}/, '1'), [header, 'Origin: http://localhost:3000']);
    }
  });

  test('is after all this in no line of the log, in no event of the audit, and nowhere in the database', async () => {
    expect(auth.log.length).toBeGreaterThan(500);
    expect(auth.log.filter((line) => carries(line, [CANARY]).length > 0)).toEqual([]);
    const events = [];
    for await (const event of auth.services.audit.everything({})) events.push(JSON.stringify(event));
    expect(events.length).toBeGreaterThan(10);
    expect(events.filter((event) => carries(event, [CANARY]).length > 0)).toEqual([]);
    const { texts } = await dumpOf(auth.users.sequelize);
    expect(texts.filter((one) => carries(one, [CANARY]).length > 0)).toEqual([]);
  });
});

describe('what an account lives through', () => {
  const PASSWORDS = [1, 2, 3].map((at) => `${CANARY} password ${at}`);
  const [FIRST = '', SECOND = '', THIRD = ''] = PASSWORDS;
  const EMAIL = 'ada@example.com';
  const secrets: string[] = [...PASSWORDS];
  let auth: StoredApp;
  let dump: DatabaseDump;
  beforeAll(async () => {
    auth = await createStoredApp({ APP_URL: 'https://app.example.com' });
    const ask = async (path: string, body: object, token?: string, method: 'post' | 'put' = 'post'): Promise<unknown> => {
      const asked = auth.http()[method](path).send(body);
      const response = await (token === undefined ? asked : asked.set('Authorization', `Bearer ${token}`));
      expect([path, response.status < 300]).toEqual([path, true]);
      return response.body;
    };
    const keep = (secret: string): string => {
      secrets.push(secret, ...secret.split('.').slice(2), ...(secret.startsWith('lingomate_sk_') ? [secret.slice(13)] : []));
      return secret;
    };
    const tokenOf = (body: unknown): string => {
      keep(text(body, 'refresh_token'));
      return keep(text(body, 'access_token'));
    };
    const logIn = async (password: string): Promise<unknown> => ask('/token', { username: 'ada', password });

    await ask('/register', { username: 'ada', password: FIRST, email: EMAIL });
    await ask('/email/verify', { token: keep(await mailedToken(auth, EMAIL, 'email_verification')) });
    const first = await logIn(FIRST);
    const token = tokenOf(first);
    await ask('/users/me/password', { current_password: FIRST, new_password: SECOND }, token, 'put');
    const refreshed = tokenOf(await ask('/token', { grant_type: 'refresh_token', refresh_token: text(first, 'refresh_token') }));
    const makeCodes = async (password: string, bearer: string): Promise<string> => {
      const codes: unknown = member(await ask('/users/me/recovery-codes', { current_password: password }, bearer), 'codes');
      if (!Array.isArray(codes)) throw new TypeError('codes are a list');
      return codes.map((code) => keep(String(code)))[0] ?? '';
    };
    const code = await makeCodes(SECOND, refreshed);
    await ask('/password/reset', { username: 'ada', recovery_code: code, new_password: FIRST });
    await ask('/password/forgot', { identifier: 'ada' });
    await ask('/password/reset', { token: keep(await mailedToken(auth, EMAIL, 'password_reset')), new_password: THIRD });
    // One that is never used stays where it is.
    await ask('/password/forgot', { identifier: 'ada' });
    keep(await mailedToken(auth, EMAIL, 'password_reset'));
    const { key } = await auth.services.serviceKeys.create({ name: 'shop', scopes: ['introspect'] });
    const last = tokenOf(await logIn(THIRD));
    await ask('/introspect', { token: last }, keep(key));
    await makeCodes(THIRD, last);
    const admin = keep(await auth.token(await auth.createUser({ roles: ['admin'] })));
    await ask('/admin/users', { username: 'grace', email: 'grace@example.com' }, admin);
    keep(await mailedToken(auth, 'grace@example.com', 'invitation'));
    dump = await dumpOf(auth.users.sequelize);
  });
  afterAll(() => auth.close());

  test('leaves none of its passwords, tokens, codes and keys in the clear in any table', () => {
    expect(secrets.length).toBeGreaterThan(25);
    expect(secrets.filter((secret) => secret.length < 16)).toEqual([]);
    expect(dump.tables).toEqual(
      expect.arrayContaining(['users', 'auth_sessions', 'auth_outbox', 'auth_one_time_tokens', 'auth_recovery_codes', 'auth_audit_events']),
    );
    const forms = (secret: string): string[] => [
      secret,
      secret.replaceAll('-', ''),
      Buffer.from(secret).toString('base64').replace(/=+$/, ''),
      Buffer.from(secret).toString('hex'),
      Buffer.from(secret, 'base64url').toString('hex'),
    ];
    for (const secret of secrets) {
      for (const form of forms(secret).filter(({ length }) => length >= 12)) {
        expect(dump.texts.filter((one) => one.includes(form)).map((one) => [secret, one])).toEqual([]);
      }
    }
  });

  test('leaves none of them in the log', () => {
    expect(auth.log.length).toBeGreaterThan(10);
    expect(auth.log.filter((line) => carries(line, secrets).length > 0)).toEqual([]);
  });
});

describe('a password of the service’s own', () => {
  const everythingOf = (error: unknown): string => inspect(error, { depth: 12, showHidden: true });
  const readyOf = async (app: Parameters<typeof createHttpServer>[0]): Promise<RawAnswer> => {
    const server = createHttpServer(app);
    const answer = await exchange(await listen(server), get('/health/ready'));
    await stop(server);
    return answer;
  };

  test('for the mail server is in no answer and in no line of the log where that server is away', async () => {
    const auth = await createTestApp({ SMTP_URL: `smtp://sender:${CANARY}@127.0.0.1:${await freePort()}` });
    await auth.createUser({ email: 'ada@example.com' });
    await auth.services.outbox.deliver();
    const ready = await readyOf(auth.app);
    expect(auth.log.some((line) => line.includes('ECONNREFUSED'))).toBe(true);
    expect(carries(ready.wire + auth.log.join(''), [CANARY])).toEqual([]);
    await auth.close();
  });

  test('for the database is in no error, no answer and no line of the log where that is away', async () => {
    const log: string[] = [];
    const logger = createLogger({ level: 'trace', readable: false, destination: { write: (line) => log.push(line) } });
    const [SECRET_KEY, ROOT_KEY] = [randomBytes(64).toString('base64url'), randomBytes(64).toString('base64url')];
    const DATABASE_URL = `postgres://sender:${CANARY}@127.0.0.1:${await freePort()}/auth`;
    const container = createContainer(loadConfig({ NODE_ENV: 'test', DATABASE_URL, SECRET_KEY, ROOT_KEY }), { logger });
    const app = buildApp(container);
    const error: unknown = await container.start().catch((fault: unknown) => fault);
    logger.error({ err: error }, 'could not start');
    const ready = await readyOf(app);
    expect(ready.status).toBe(503);
    expect(log.join('')).toContain('ECONNREFUSED');
    expect(carries(everythingOf(error) + ready.wire + log.join(''), [CANARY])).toEqual([]);
    await container.close();
  });
});

describe('a line break', () => {
  const BREAKS = ['\r\n', '\n', '\r', '\u0085', '\u2028', '\u2029', '\u000b', '\u000c'];
  /** All that some reader takes for the end of a line. */
  const LINE_BREAK = /[\r\n\v\f\u0085\u2028\u2029]/;
  const FORGED = '{"level":"error","msg":"forged"}';

  test.each(BREAKS)('%j in a name, a shown name or an address that is typed begins no line of the log', async (lineBreak) => {
    const auth = await createTestApp();
    const before = auth.log.length;
    const typed = `ada${lineBreak}${FORGED}`;
    const token = await auth.token(await auth.createUser());
    const answers = [
      await auth.http().post('/register').send({ username: typed, password: 'a good password' }),
      await auth.http().post('/token').send({ username: typed, password: typed }),
      await auth.http().post('/password/forgot').send({ identifier: typed }),
      await auth.http().patch('/users/me').set('Authorization', `Bearer ${token}`).send({ display_name: typed }),
      await auth.http().get(`/nothing/${encodeURIComponent(typed)}`),
    ];
    const added = auth.log.slice(before);
    expect(added.filter((line) => line.includes('"request"'))).toHaveLength(answers.length);
    for (const line of added) expect(line.trimEnd()).not.toMatch(LINE_BREAK);
    for (const line of added) expect(line).not.toContain('forged');
    await auth.close();
  });

  test('that a header smuggles in is no HTTP, or another header, and begins no line of the log', async () => {
    const auth = await createTestApp();
    const server = createHttpServer(auth.app);
    const port = await listen(server);
    const before = auth.log.length;
    for (const name of ['User-Agent', 'X-Request-Id', 'X-Forwarded-For', 'Referer', 'Origin', 'Accept', 'Authorization']) {
      for (const lineBreak of ['\r\n', '\n', '\r', '\u0085', '\u000b', '\u000c', '%0d%0a', '\\r\\n'])
        await exchange(port, postJson('/token', '{"username":"nobody","password":"x"}', `${name}: x${lineBreak}${FORGED}`));
    }
    await stop(server);
    const added = auth.log.slice(before);
    expect(added.length).toBeGreaterThan(20);
    for (const line of added) {
      expect(line.trimEnd()).not.toMatch(LINE_BREAK);
      expect(line).not.toContain('forged');
    }
    await auth.close();
  });
});
