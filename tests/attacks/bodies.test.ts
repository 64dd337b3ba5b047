import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import { foldName } from '../../src/lib/names.js';
import { exchange, expectRawProblem, keepConnection, type RawAnswer, request, statusesOf } from '../support/raw-http.js';
import { createServedApp, type ServedApp } from '../support/served-app.js';

const PASSWORD = 'correct horse battery staple';
const PATHS = ['/register', '/token'];
const JSON_TYPE = 'application/json';
const FORM_TYPE = 'application/x-www-form-urlencoded';
const KILOBYTE = 1024;

describe('bodies', () => {
  let auth: ServedApp;
  let port: number;
  beforeAll(async () => {
    auth = await createServedApp();
    ({ port } = auth);
    await auth.createUser({ username: 'ada', password: PASSWORD });
  });
  afterAll(() => auth.close());

  const send = (path: string, type: string | undefined, body: string | Buffer, ...headers: string[]): Promise<RawAnswer> => {
    const head = request('POST', path, {
      headers: [...(type === undefined ? [] : [`Content-Type: ${type}`]), `Content-Length: ${Buffer.byteLength(body)}`, ...headers],
    });
    return exchange(port, Buffer.concat([Buffer.from(head), Buffer.from(body)]));
  };
  const good = (path: string): string =>
    JSON.stringify({ username: path === '/token' ? 'ada' : `user-${Math.random().toString(36).slice(2)}`, password: PASSWORD });

  const unreadable: [string, string | Buffer][] = [
    ['nothing', ''],
    ['white space', ' \n'],
    ['half an object', '{"username":"ada"'],
    ['null', 'null'],
    ['true', 'true'],
    ['a number', '5'],
    ['a string', '"text"'],
    ['an array', '[]'],
    ['an array of a good body', `[{"username":"ada","password":"${PASSWORD}"}]`],
    ['a comma too many', '{"username":"ada",}'],
    ['single quotes', "{'username':'ada'}"],
    ['a comment', '{"username":"ada"/**/}'],
    ['two documents', '{}{}'],
    ['NaN', '{"username":NaN}'],
    ['a form', 'username=ada&password=x'],
    ['XML', '<username>ada</username>'],
    ['a raw line break in a string', '{"username":"a\nda"}'],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
    ['a surrogate in UTF-8', Buffer.from([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d])],
    ['an overlong slash', Buffer.from([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d])],
    ['UTF-16', Buffer.from('\ufeff{"username":"ada"}', 'utf16le')],
    ['a member twice', `{"username":"ada","password":"x","password":"${PASSWORD}"}`],
    ['a member twice, once escaped', `{"username":"ada","\\u0070assword":"x","password":"${PASSWORD}"}`],
    ['a member twice, once escaped in part', `{"username":"ada","password":"${PASSWORD}","pass\\u0077ord":"x"}`],
    ['a member twice, one far inside', '{"username":"ada","password":"x","x":{"y":[{"z":1,"z":2}]}}'],
    ['an unknown member twice', `{"username":"ada","password":"${PASSWORD}","x":1,"x":1}`],
    ['45,000 arrays in each other', '['.repeat(45_000) + ']'.repeat(45_000)],
    ['45,000 arrays in each other that never end', '['.repeat(45_000)],
    ['15,000 objects in each other', `${'{"a":'.repeat(15_000)}1${'}'.repeat(15_000)}`],
    ['a deep member', `{"username":"ada","password":"x","deep":${'['.repeat(45_000)}${']'.repeat(45_000)}}`],
  ];
  test.each(unreadable)('%s is 400', async (_what, body) => {
    for (const path of PATHS) expectRawProblem(await send(path, JSON_TYPE, body), 400, 'malformed_request');
  });

  const unreadableForms: [string, string][] = [
    ['a name twice', `username=ada&password=x&password=${PASSWORD}`],
    ['a name twice, once escaped', 'username=ada&password=x&p%61ssword=y'],
    ['an escape of nothing', 'username=ada&password=%'],
    ['nothing', ''],
    ['an escape that is no number', 'username=ada&password=%zz'],
    ['an escape that is no UTF-8', 'username=ada&password=%ff'],
    ['an escape of a surrogate', 'username=ada&password=%ED%A0%80'],
    ['an overlong escape', 'username=ada&password=%C0%AF'],
  ];
  test.each(unreadableForms)('a form with %s is 400', async (_what, body) => {
    expectRawProblem(await send('/token', FORM_TYPE, body), 400, 'malformed_request');
  });

  /** Told as a body without any of them. */
  const expectNoMembersOfOurs = (answer: RawAnswer): void => {
    expectRawProblem(answer, 422, 'validation_failed');
    const required = ['username', 'password'].map((path) => ({ path, code: 'required', message: 'is required' }));
    expect(JSON.parse(answer.body)).toMatchObject({ errors: required });
  };
  test.each(['username[]=ada&password[]=x', 'username[x]=ada&password.x=y', '{"username":"ada"}', '&&&'])(
    'a form %j has no members of ours: 422',
    async (body) => {
      expectNoMembersOfOurs(await send('/token', FORM_TYPE, body));
    },
  );

  test('a body of no type is 415', async () => {
    for (const path of PATHS) expectRawProblem(await send(path, undefined, good(path)), 415, 'unsupported_media_type');
  });

  test.each([
    'text/plain',
    'text/json',
    'application/xml',
    'multipart/form-data; boundary=x',
    'application/json-patch+json',
    'application/vnd.api+json',
    'application/jsonp',
    'application/octet-stream',
    'json',
    '*/*',
    ';',
    'application/json; charset=utf-16',
    'application/json; charset=iso-8859-1',
    'application/json; charset="latin1"',
    'application/json; charset=utf-7',
    'application/json; charset=',
  ])('a body of type %s is 415', async (type) => {
    for (const path of PATHS) expectRawProblem(await send(path, type, good(path)), 415, 'unsupported_media_type');
  });

  test('a form in another charset is 415', async () => {
    expectRawProblem(await send('/token', `${FORM_TYPE}; charset=iso-8859-1`, 'username=ada&password=x'), 415, 'unsupported_media_type');
  });

  test.each(['application/json;charset=UTF-8', 'APPLICATION/JSON', 'application/json; charset="utf-8"', 'application/json ; profile=x'])(
    'a body of type %s is read',
    async (type) => {
      for (const path of PATHS) expect((await send(path, type, good(path))).status).toBe(path === '/token' ? 200 : 201);
    },
  );

  test.each(['unknown', 'compress', 'gzip, gzip', 'utf-8'])('a body in encoding %s is 415', async (encoding) => {
    for (const path of PATHS)
      expectRawProblem(await send(path, JSON_TYPE, good(path), `Content-Encoding: ${encoding}`), 415, 'unsupported_media_type');
  });

  test('what says that it is compressed and is not is 400', async () => {
    for (const path of PATHS) expectRawProblem(await send(path, JSON_TYPE, good(path), 'Content-Encoding: gzip'), 400, 'malformed_request');
  });

  test('a small body that unpacks to a large one is 413', async () => {
    const bomb = gzipSync(Buffer.alloc(50 * KILOBYTE * KILOBYTE, ' '));
    expect(bomb.length).toBeLessThan(100 * KILOBYTE);
    for (const path of PATHS) expectRawProblem(await send(path, JSON_TYPE, bomb, 'Content-Encoding: gzip'), 413, 'payload_too_large');
  });

  test('a body over 100 kB is 413, whatever it holds', async () => {
    for (const path of PATHS) {
      for (const body of ['x'.repeat(100 * KILOBYTE + 1), `{"username":"ada","password":"${'x'.repeat(200 * KILOBYTE)}"}`])
        expectRawProblem(await send(path, JSON_TYPE, body), 413, 'payload_too_large');
    }
  });

  test.each([100 * KILOBYTE + 1, 1_000_000_000])('a body that says it will be of %i bytes is 413 before it comes', async (length) => {
    for (const path of PATHS) {
      const head = request('POST', path, { headers: [`Content-Type: ${JSON_TYPE}`, `Content-Length: ${length}`] });
      expectRawProblem(await exchange(port, head), 413, 'payload_too_large');
    }
  });

  test('a body in chunks is 413 as soon as it is over 100 kB, though it goes on', async () => {
    const chunk = `1000\r\n${'x'.repeat(4096)}\r\n`;
    for (const path of PATHS) {
      const head = request('POST', path, { headers: [`Content-Type: ${JSON_TYPE}`, 'Transfer-Encoding: chunked'] });
      expectRawProblem(await exchange(port, `${head}${chunk.repeat(26)}`), 413, 'payload_too_large');
    }
  });

  test('who sends 20 MB gets the answer, and is hung up on before the end of it', async () => {
    const head = request('POST', '/token', { headers: [`Content-Type: ${JSON_TYPE}`, 'Content-Length: 20971520'] });
    expectRawProblem(await exchange(port, Buffer.concat([Buffer.from(head), Buffer.alloc(512 * KILOBYTE, 'x')])), 413, 'payload_too_large');
    const flood = keepConnection(port);
    flood.send(head);
    const chunk = 'x'.repeat(64 * KILOBYTE);
    const closed = flood.closed.then((wire) => ({ wire, isOpen: false }));
    const isOpen = () => Promise.race([closed, new Promise<{ isOpen: true }>((still) => setImmediate(still, { isOpen: true }))]);
    let sent = 0;
    for (; sent < 320 && (await isOpen()).isOpen; sent += 1) flood.send(chunk);
    expect(sent).toBeLessThan(320);
    expect(statusesOf(await closed)).toEqual([413]);
  });

  test('a body over 100 kB in chunks is 413', async () => {
    const chunk = `1000\r\n${'x'.repeat(4096)}\r\n`;
    const head = request('POST', '/token', { headers: [`Content-Type: ${JSON_TYPE}`, 'Transfer-Encoding: chunked'] });
    expectRawProblem(await exchange(port, `${head}${chunk.repeat(30)}0\r\n\r\n`), 413, 'payload_too_large');
  });

  test('a body of 100 kB is read', async () => {
    const start = '{"username":"ada","password":"';
    const body = `${start}${'x'.repeat(100 * KILOBYTE - start.length - 2)}"}`;
    expect((await send('/token', JSON_TYPE, body)).status).toBe(401);
    expect((await send('/register', JSON_TYPE, body)).status).toBe(422);
  });

  test('a body that is nothing but escapes is read', async () => {
    const body = `{"username":"ada","password":"${'\\u0061'.repeat(17_000)}"}`;
    expect((await send('/token', JSON_TYPE, body)).status).toBe(401);
    expectRawProblem(await send('/register', JSON_TYPE, body), 422, 'password_too_long');
  });

  test('a body of 90 kB of marks that belong together is read', async () => {
    const body = JSON.stringify({ username: 'a' + '\u0323\u0307'.repeat(22_000), password: PASSWORD });
    expectRawProblem(await send('/register', JSON_TYPE, body), 422, 'validation_failed');
    expect((await send('/token', JSON_TYPE, body)).status).toBe(401);
  });

  test('a name whose normal form is dear to work out is never normalised', async () => {
    const username = 'a' + '\u0307'.repeat(15_000) + '\u0323'.repeat(15_000);
    expect(foldName(username)).toBe(username);
    const body = JSON.stringify({ username, password: PASSWORD });
    expectRawProblem(await send('/register', JSON_TYPE, body), 422, 'validation_failed');
    expect((await send('/token', JSON_TYPE, body)).status).toBe(401);
  });

  test('5,000 unknown members get a short answer', async () => {
    const members = Object.fromEntries(Array.from({ length: 5000 }, (_, at) => [`unknown_${at}`, 1]));
    const answer = await send('/register', JSON_TYPE, JSON.stringify({ username: 'many', password: PASSWORD, ...members }));
    expectRawProblem(answer, 422, 'validation_failed');
    expect(answer.body.length).toBeLessThan(4096);
  });

  test('an unknown member with a name of 90 kB gets a short answer', async () => {
    const answer = await send('/register', JSON_TYPE, JSON.stringify({ username: 'many', password: PASSWORD, ['x'.repeat(90_000)]: 1 }));
    expectRawProblem(answer, 422, 'validation_failed');
    expect(answer.body.length).toBeLessThan(1024);
  });

  const poison: [string, string][] = [
    ['__proto__', '{"polluted":true,"username":"x"}'],
    ['constructor', '{"prototype":{"polluted":true}}'],
    ['prototype', '{"polluted":true}'],
    ['toString', '1'],
    ['hasOwnProperty', 'null'],
  ];
  const poisoned = (username: string, [name, value]: [string, string]): string =>
    `{"username":"${username}","password":"${PASSWORD}","${name}":${value}}`;
  test.each(poison)('a member %s is refused at registration, and no prototype is touched', async (...member) => {
    expectRawProblem(await send('/register', JSON_TYPE, poisoned('poison', member)), 422, 'validation_failed');
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  test.each(poison)('a member %s is ignored at a log-in', async (...member) => {
    expect((await send('/token', JSON_TYPE, poisoned('ada', member))).status).toBe(200);
    expectRawProblem(await send('/token', JSON_TYPE, poisoned('nobody', member)), 401, 'invalid_credentials');
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  test('members that come by a prototype are not there', async () => {
    const body = `{"__proto__":{"username":"ada","password":"${PASSWORD}"}}`;
    expect((await send('/token', JSON_TYPE, body)).status).toBe(422);
    expectNoMembersOfOurs(await send('/token', FORM_TYPE, '__proto__[username]=ada&__proto__.password=x'));
  });

  test('after all this it still works', async () => {
    expect((await send('/token', JSON_TYPE, good('/token'))).status).toBe(200);
  });
});
