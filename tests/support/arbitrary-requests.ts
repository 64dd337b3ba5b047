import fc, { type Arbitrary } from 'fast-check';
import { entriesOf, member } from './answers.js';
import {
  createSchemas,
  isSecret,
  kindOf,
  Known,
  known,
  listOf,
  type Lookup,
  Members,
  oddText,
  type Schemas,
  type Sent,
  writeJson,
} from './arbitrary-json.js';
import type { KNOWN } from './known-things.js';

/** A text in a request: as it is escaped there, or raw, as a client would that escapes nothing. */
type Piece = Known | { readonly text: string } | { readonly raw: string };
type Body = { readonly json: Sent } | { readonly form: Sent } | { readonly bytes: string } | undefined;

/** One request to an operation of the OpenAPI document, with what is only known when it is sent still under its name. */
export interface ArbitraryRequest {
  /** As the document names it: `POST /token`. */
  readonly operation: string;
  readonly method: string;
  readonly path: readonly Piece[];
  readonly query: readonly (readonly [name: string, value: Piece])[];
  /** Each of the Authorization headers: what stands before the credentials, and they. */
  readonly credentials: readonly (readonly [scheme: string, token: Piece])[];
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly type: string | undefined;
  readonly body: Body;
}

/** An operation of the document. */
interface Operation {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly description: unknown;
}

export function operationsOf(document: unknown): Operation[] {
  return entriesOf(member(document, 'paths')).flatMap(([path, methods]) =>
    entriesOf(methods).map(([method, description]) => ({
      name: `${method.toUpperCase()} ${path}`,
      method: method.toUpperCase(),
      path,
      description,
    })),
  );
}

/** How often a part of a request is as it should be, to once that it is not: most requests have one thing wrong, or none. */
const GOOD = 8;
const mostly = <T>(good: Arbitrary<T>, ...odd: Arbitrary<T>[]): Arbitrary<T> =>
  fc.oneof({ weight: GOOD, arbitrary: good }, ...odd.map((arbitrary) => ({ weight: 1, arbitrary })));

const METHODS = ['HEAD', 'OPTIONS', 'GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND'];
const TYPES = [
  undefined,
  '',
  'text/plain',
  'application/json',
  'APPLICATION/JSON; charset="UTF-8"',
  'application/json; charset=utf-16',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/problem+json',
  'text/html',
  'a/b/c; ;;',
];
const RAW_PARTS = [
  '%zz',
  '%00',
  '%2F',
  '..%2f..%2fetc%2fpasswd',
  '%252F',
  '%c0%af',
  '%ff',
  ';a=b',
  '.',
  '..',
  '0',
  '-1',
  '1e3',
  '0x1',
  '9'.repeat(30),
];
const ODD_HEADERS: readonly (readonly [string, string])[] = [
  ['Accept', 'text/html'],
  ['Accept', 'image/png'],
  ['Accept', 'application/json;q=0, */*;q=0.1'],
  ['Accept', ',;q=x'],
  ['Accept', 'text/html, application/xhtml+xml, */*;q=0.8'],
  ['Accept-Encoding', 'br, gzip'],
  ['Content-Encoding', 'gzip'],
  ['Content-Encoding', 'x-none'],
  ['Origin', 'null'],
  ['Origin', 'https://evil.example'],
  ['Origin', 'http://localhost:8000'],
  ['Cookie', '__Host-refresh_token=garbage'],
  ['Cookie', ';;=;a="'],
  ['X-Request-Id', '../../etc'],
  ['X-Request-Id', 'mine-1'],
  ['X-HTTP-Method-Override', 'DELETE'],
  ['X-Forwarded-For', '127.0.0.1, ::1'],
  ['X-Forwarded-Host', 'evil.example'],
  ['Range', 'bytes=0-0'],
  ['If-None-Match', '*'],
  ['If-Modified-Since', 'Thu, 01 Jan 2099 00:00:00 GMT'],
  ['Access-Control-Request-Method', 'DELETE'],
  ['User-Agent', 'é\u00ff'],
  ['User-Agent', 'x'.repeat(4000)],
  ['X-Long', 'x'.repeat(17_000)],
];

const text = (value: string): Piece => ({ text: value });
const aToken = known('token');

/** Of eleven sequences ten have a request to any one operation: to leave it out is how a sequence gets shorter. */
const ASKED = 10;

/**
 * Sequences of requests to the operations of a document, or nearly to them: in any order, each operation hardly more than
 * once. They shrink to those few that matter.
 */
export function arbitraryRequests(document: unknown): Arbitrary<ArbitraryRequest[]> {
  const schemas = createSchemas(document);
  const placed = operationsOf(document).map((operation) =>
    fc.option(fc.tuple(fc.nat(), requestTo(operation, schemas)), { nil: undefined, freq: ASKED }),
  );
  return fc.noBias(fc.tuple(...placed)).map((asked) =>
    asked
      .filter((one) => one !== undefined)
      .sort(([place], [other]) => place - other)
      .map(([, request]) => request),
  );
}

function requestTo({ name, method, path, description }: Operation, schemas: Schemas): Arbitrary<ArbitraryRequest> {
  const parameters = listOf(member(description, 'parameters'));
  return bodyOf(description, schemas).chain(({ type, body }) =>
    fc.record(
      {
        operation: fc.constant(name),
        method: mostly(fc.constant(method), fc.constantFrom(...METHODS)),
        path: pathOf(path, parameters),
        query: queryOf(parameters, schemas),
        credentials: credentialsFor(description),
        headers: mostly(
          fc.constant<ArbitraryRequest['headers']>([]),
          fc.uniqueArray(fc.constantFrom(...ODD_HEADERS), { minLength: 1, maxLength: 3, selector: ([header]) => header }),
        ),
        type: mostly(fc.constant(type), fc.constantFrom(...TYPES)),
        body: fc.constant(body),
      },
      { noNullPrototype: true },
    ),
  );
}

function pathOf(template: string, parameters: unknown[]): Arbitrary<Piece[]> {
  const pieces = template.split(/\{(\w+)\}/).map((part, index): Arbitrary<Piece> => {
    if (index % 2 === 0) return fc.constant({ raw: part });
    const kind = kindOf(part);
    const described = parameters.find((parameter) => member(parameter, 'name') === part);
    const [example = 'x'] = listOf(member(described, 'schema', 'examples')).map(String);
    return mostly<Piece>(
      kind === undefined ? fc.constant(text(example)) : known(kind),
      fc.constantFrom(...RAW_PARTS).map((raw) => ({ raw })),
      oddText.map((odd) => text(odd || '-')),
    );
  });
  return fc.tuple(...pieces);
}

function queryOf(parameters: unknown[], schemas: Schemas): Arbitrary<(readonly [string, Piece])[]> {
  const own = parameters
    .filter((parameter) => member(parameter, 'in') === 'query')
    .map((parameter) => {
      const [name, schema] = [String(member(parameter, 'name')), member(parameter, 'schema')];
      const given = mostly(schemas.fitting(schema, name), schemas.near(schema, name)).map(
        (value) => [[name, asPiece(value)]] satisfies [string, Piece][],
      );
      return fc.oneof(fc.constant<[string, Piece][]>([]), given);
    });
  const odd = fc.oneof(
    fc.constantFrom<[string, Piece][]>(
      ...['access_token', 'limit', 'limit[]', 'cursor[a]', '__proto__', ''].map((name): [string, Piece][] => [[name, text('1')]]),
    ),
    fc.constantFrom('limit', 'cursor', 'scope').map((name): [string, Piece][] => [
      [name, text('1')],
      [name, text('2')],
    ]),
    fc.constantFrom('%zz', '%00', '&&=&', '%ff=%fe').map((raw): [string, Piece][] => [[raw, { raw: '' }]]),
    oddText.map((value): [string, Piece][] => [['q', text(value)]]),
  );
  return fc.tuple(mostly(fc.constant<[string, Piece][]>([]), odd), ...own).map((lists) => lists.flat());
}

/** What a JSON value would be in an address. */
const asPiece = (value: Sent): Piece =>
  value instanceof Known ? value : text(typeof value === 'string' ? value : writeJson(value, (name) => name));

function credentialsFor(description: unknown): Arbitrary<ArbitraryRequest['credentials']> {
  const opens = JSON.stringify(member(description, 'security'));
  const one = (...names: (typeof KNOWN)['token'][number][]): Arbitrary<ArbitraryRequest['credentials']> =>
    fc.constantFrom(...names).map((name) => [['Bearer ', new Known(name)]] as const);
  const good = opens.includes('serviceKey')
    ? one('root’s access token', 'root’s access token', 'the service key')
    : opens.includes('accessToken')
      ? one('ada’s access token', 'bob’s access token', 'root’s access token')
      : fc.constant([]);
  const scheme = fc.constantFrom('Bearer ', 'bearer  ', 'Basic ', 'Bearer x ', 'Bearer', '');
  const garbage = fc.constantFrom('garbage', 'a.b.c', '', `${'x'.repeat(9000)}.y.z`).map((raw): Piece => ({ raw }));
  const odd = fc.tuple(scheme, fc.oneof<Arbitrary<Piece>[]>(aToken, garbage));
  return mostly(
    good,
    fc.constant([]),
    aToken.map((token) => [['Bearer ', token]] as const),
    fc.array(odd, { minLength: 1, maxLength: 2 }),
  );
}

const asBytes = (bytes: string): Body => ({ bytes });
const BROKEN_BODIES = [
  '',
  '{',
  'null',
  '[]',
  '"x"',
  '7',
  '\ufeff{}',
  '{"a":1}{"b":2}',
  '{"x":NaN}',
  '['.repeat(45_000),
  `{"x":"${'x'.repeat(110_000)}"}`,
  '\xff\xfe{}',
];

function bodyOf(description: unknown, schemas: Schemas): Arbitrary<{ type: string | undefined; body: Body }> {
  const content = entriesOf(member(description, 'requestBody', 'content'));
  // Where none is asked for, one may come all the same.
  if (content.length === 0)
    return mostly<{ type: string | undefined; body: Body }>(
      fc.constant({ type: undefined, body: undefined }),
      fc.constant({ type: 'application/json', body: asBytes('{"x":1}') }),
    );
  return fc.constantFrom(...content).chain(([type, media]) => {
    const schema = member(media, 'schema');
    const wrap = (value: Sent): Body => (type === 'application/x-www-form-urlencoded' ? { form: value } : { json: value });
    const broken = fc.constantFrom(...BROKEN_BODIES).map(asBytes);
    const body =
      member(schema, 'type') === 'string'
        ? mostly<Body>(linesOf(member(media, 'example')), broken, oddText.map(asBytes))
        : fc.oneof(
            { weight: 4, arbitrary: schemas.fitting(schema).map(wrap) },
            { weight: 3, arbitrary: schemas.near(schema).map(wrap) },
            { weight: 1, arbitrary: broken },
          );
    return body.map((one) => ({ type, body: one }));
  });
}

/** The document's own example of a text, with one of its words another, and once more behind it. */
function linesOf(example: unknown): Arbitrary<Body> {
  const whole = typeof example === 'string' ? example : '[{"username":"ada"}]';
  const words = whole.match(/\w+/g) ?? [''];
  const changed = fc
    .tuple(fc.constantFrom(...words), oddText)
    .map(([word, by]) => whole.replace(word, () => JSON.stringify(by).slice(1, -1)));
  return fc
    .oneof(
      fc.constant(whole),
      changed,
      fc.nat({ max: 999 }).map((number) => whole.replace('ada', `ada-${number}`)),
      changed.map((one) => whole + one),
    )
    .map(asBytes);
}

/** A request as it goes over the wire, and what of it no answer may repeat. */
export interface WireRequest {
  readonly method: string;
  readonly target: string;
  readonly bytes: Buffer;
  readonly secrets: readonly string[];
}

/** Shorter ones could be in any answer by chance. */
const SECRET_CHARACTERS = 12;

export function writeRequest({ method, path, query, credentials, headers, type, body }: ArbitraryRequest, lookup: Lookup): WireRequest {
  const escaped = (piece: Piece): string => {
    if (piece instanceof Known) return encodeURIComponent(lookup(piece.name));
    return 'raw' in piece ? piece.raw : encodeURIComponent(piece.text.toWellFormed());
  };
  const search = query.map(([name, value]) => `${/[%[\]&]/.test(name) ? name : encodeURIComponent(name)}=${escaped(value)}`).join('&');
  const target = path.map(escaped).join('') + (search === '' ? '' : `?${search}`);
  const plain = (piece: Piece): string => (piece instanceof Known ? lookup(piece.name) : escaped(piece));
  const content = Buffer.from(
    bodyText(body, lookup),
    body !== undefined && 'bytes' in body && body.bytes.startsWith('\xff') ? 'latin1' : 'utf8',
  );
  const head = [
    `${method} ${target} HTTP/1.1`,
    'Host: localhost',
    'Connection: close',
    ...(type === undefined ? [] : [`Content-Type: ${type}`]),
    ...(body === undefined ? [] : [`Content-Length: ${content.length}`]),
    ...credentials.map(([scheme, token]) => `Authorization: ${scheme}${plain(token)}`),
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
  const secrets = body !== undefined && !('bytes' in body) ? secretsIn('json' in body ? body.json : body.form) : [];
  return { method, target, bytes: Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), content]), secrets };
}

function bodyText(body: Body, lookup: Lookup): string {
  if (body === undefined) return '';
  if ('bytes' in body) return body.bytes;
  if ('json' in body) return writeJson(body.json, lookup);
  return membersIn(body.form)
    .map(([name, value]) => [
      name,
      value instanceof Known ? lookup(value.name) : typeof value === 'string' ? value : writeJson(value, lookup),
    ])
    .map(([name = '', value = '']) => `${encodeURIComponent(name.toWellFormed())}=${encodeURIComponent(value.toWellFormed())}`)
    .join('&');
}

/** Made-up passwords and tokens; those that are known are looked for in any case. */
function secretsIn(value: Sent): string[] {
  const list = membersIn(value);
  const open = new Set(list.filter(([name]) => !isSecret(name)).map(([, one]) => one));
  return list.flatMap(([name, one]) =>
    isSecret(name) && typeof one === 'string' && one.length >= SECRET_CHARACTERS && !open.has(one) ? [one] : [],
  );
}

const membersIn = (value: Sent): readonly (readonly [string, Sent])[] => (value instanceof Members ? value.list : []);
