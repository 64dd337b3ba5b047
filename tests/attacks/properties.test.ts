import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Express } from 'express';
import { createHasher, type Hasher } from '../../src/adapters/hasher.js';
import { OPERATOR } from '../../src/lib/actor.js';
import type { TestAuth } from '../../src/testing.js';
import { type AnswerCheck, createAnswerCheck } from '../support/answer-properties.js';
import { type ArbitraryRequest, writeRequest } from '../support/arbitrary-requests.js';
import { createKnownService, type KnownService } from '../support/known-service.js';
import { exchange, type RawAnswer } from '../support/raw-http.js';
import { holdAgainstRequests, readJson, tryRequests } from '../support/request-properties.js';

/** The same requests in each run; tests/attacks/timed has others each time, and more. */
const SEED = 20261125;

let hasher: Hasher;
beforeAll(() => {
  hasher = createHasher({ threads: 2, queueLimit: 1000 });
});
afterAll(() => hasher.close());

test('whatever is asked, no answer is a fault of ours, each is in the contract’s shape, and what is refused or read changes nothing', async () => {
  const tally = await holdAgainstRequests({ start: () => createKnownService(hasher), seed: SEED, sequences: 5 });
  const never = [...tally].filter(([, statuses]) => statuses.size === 0).map(([operation]) => operation);
  expect(never).toEqual([]);
}, 60_000);

describe('such a test finds a service', () => {
  type Spoil = (app: Express, auth: TestAuth) => void;
  let times = 0;
  const change = ({ services }: TestAuth): Promise<unknown> =>
    services.admin.change(2, { display_name: `spoilt ${(times += 1)}` }, OPERATOR);
  const SPOILT: [string, Spoil, RegExp][] = [
    [
      'that changes a user where it is only asked',
      (app, auth) =>
        app.use(async (req, _res, next) => {
          if (req.method === 'GET') await change(auth);
          next();
        }),
      /answered \d+: users gained .*spoilt/,
    ],
    [
      'that changes a user where it refuses',
      (app, auth) =>
        app.use((req, res, next) => {
          const end = res.end.bind(res);
          const endLater = (...given: unknown[]): typeof res => {
            void change(auth).then(() => {
              Reflect.apply(end, res, given);
            });
            return res;
          };
          if (req.method === 'POST') res.end = endLater;
          next();
        }),
      /answered 4\d\d: users gained .*spoilt/,
    ],
    [
      'that repeats a token',
      (app) =>
        app.use((req, res, next) => {
          res.setHeader('X-Debug', req.headers.authorization ?? '');
          next();
        }),
      / repeats /,
    ],
    [
      'that fails',
      (app) =>
        app.use((req, res, next) => {
          if (req.path === '/errors') next();
          else res.status(500).json({});
        }),
      /500 is a fault of ours/,
    ],
  ];

  test.each(SPOILT)('%s', async (_what, spoil, expected) => {
    const start = (): Promise<KnownService> =>
      createKnownService(hasher, (app, auth) => {
        app.get('/openapi.json', auth.app);
        spoil(app, auth);
        return app.use(auth.app);
      });
    const { details } = await tryRequests({ start, seed: SEED, sequences: 3, shrinks: false });
    expect(details.failed).toBe(true);
    expect(String(details.errorInstance)).toMatch(expected);
  });
});

describe('an answer', () => {
  let service: KnownService;
  let check: AnswerCheck;
  beforeAll(async () => {
    service = await createKnownService(hasher);
    check = createAnswerCheck(await readJson(service, '/openapi.json'), await readJson(service, '/errors'));
  });
  afterAll(() => service.close());

  const asked = (operation: string, more: Partial<ArbitraryRequest> = {}): ArbitraryRequest => {
    const [method = '', path = ''] = operation.split(' ');
    return { operation, method, path: [{ raw: path }], query: [], credentials: [], headers: [], type: undefined, body: undefined, ...more };
  };
  const without = (answer: RawAnswer, name: string): RawAnswer => ({
    ...answer,
    headers: Object.fromEntries(Object.entries(answer.headers).filter(([one]) => one !== name)),
  });
  const withHeader = (answer: RawAnswer, name: string, value: string): RawAnswer => ({
    ...answer,
    headers: { ...answer.headers, [name]: value },
  });
  const withBody = (answer: RawAnswer, body: string): RawAnswer =>
    withHeader({ ...answer, body }, 'content-length', String(Buffer.byteLength(body)));
  const withMember = (answer: RawAnswer, name: string, value: unknown): RawAnswer => {
    const body: unknown = JSON.parse(answer.body);
    return withBody(answer, JSON.stringify({ ...(typeof body === 'object' ? body : {}), [name]: value }));
  };

  const me = asked('GET /users/me');
  const put = asked('GET /users/me', { method: 'PUT' });
  const index = asked('GET /errors');
  const TAMPERED: [string, ArbitraryRequest, (answer: RawAnswer) => RawAnswer, RegExp][] = [
    ['that never came', me, (answer) => ({ ...answer, status: 0 }), /no answer/],
    ['of a status that is not documented', me, (answer) => ({ ...answer, status: 418 }), /this status is not documented/],
    ['of 401 without a challenge', me, (answer) => without(answer, 'www-authenticate'), /401 without a challenge/],
    ['of 503 without Retry-After', me, (answer) => ({ ...answer, status: 503 }), /503 without Retry-After/],
    ['without a request id', me, (answer) => without(answer, 'x-request-id'), /no X-Request-Id/],
    ['with the id of another request', me, (answer) => withHeader(answer, 'x-request-id', 'another'), /two ids/],
    ['that may be stored', me, (answer) => withHeader(answer, 'cache-control', 'public'), /may be stored/],
    ['of another type', me, (answer) => withHeader(answer, 'content-type', 'application/json'), /is not documented/],
    ['in HTML', me, (answer) => withHeader(withBody(answer, '<!doctype html>'), 'content-type', 'text/html'), /HTML/],
    ['with a member that is not documented', index, (answer) => withMember(answer, 'debug', 'x'), /additional properties/],
    ['with another code', me, (answer) => withMember(answer, 'code', 'not_found'), /401 with the code not_found/],
    ['that names another status', me, (answer) => withMember(answer, 'status', 403), /401 says that it is 403/],
    ['of 405 that allows too little', put, (answer) => withHeader(answer, 'allow', 'GET, OPTIONS'), /where .*PATCH.* are taken/],
    ['longer than announced', me, (answer) => ({ ...answer, body: `${answer.body} ` }), /were announced/],
    ['with a body to HEAD', asked('GET /errors', { method: 'HEAD' }), (answer) => ({ ...answer, body: '{}' }), /a body where none can be/],
  ];

  test.each(TAMPERED)('%s is found', async (_what, request, tamper, expected) => {
    const sent = writeRequest(request, (name) => service.lookup(name));
    const answer = await exchange(service.port, sent.bytes);
    expect(check(request, sent, answer)).toEqual([]);
    expect(check(request, sent, tamper(answer)).join('\n')).toMatch(expected);
  });
});
