import { STATUS_CODES } from 'node:http';
import { listOf } from './arbitrary-json.js';
import type { ArbitraryRequest, WireRequest } from './arbitrary-requests.js';
import { entriesOf, member } from './answers.js';
import { type KnownName, SECRETS } from './known-things.js';
import { createJudge } from './openapi-check.js';
import type { RawAnswer } from './raw-http.js';

/** What is true of every answer of this service, whatever was asked. */
export type AnswerCheck = (asked: ArbitraryRequest, sent: WireRequest, answer: RawAnswer) => string[];

/** Headers that an answer has only in some cases: those of the limits, where there are any. */
const SOMETIMES = new Set(['set-cookie', 'clear-site-data', 'ratelimit', 'ratelimit-policy']);
/** What an operation is there to give: the mailbox what was mailed, and a repeated refresh the same successor. */
const GIVEN: Readonly<Record<string, readonly KnownName[]>> = {
  'GET /dev/mailbox': ['ada’s reset token', 'bob’s verification token'],
  'POST /token': ['ada’s refresh token'],
};

/**
 * Checks answers against the contract: as the OpenAPI document and `/errors` have it. `lookup` gives the secrets that no
 * answer may repeat. Each fault is a sentence.
 */
export function createAnswerCheck(document: unknown, errors: unknown): AnswerCheck {
  const judge = createJudge(document);
  const statusOf = new Map(listOf(member(errors, 'data')).map((one) => [member(one, 'code'), member(one, 'status')]));
  /** What is documented of the operation that was in fact asked for; undefined where the path is not one, or takes not this method. */
  const documented = ({ operation, method }: ArbitraryRequest, ...path: string[]): unknown => {
    const template = operation.replace(/^\w+ /, '');
    return member(document, 'paths', template, method === 'HEAD' ? 'get' : method.toLowerCase(), ...path);
  };

  return (asked, sent, answer) => {
    const { status, headers, body } = answer;
    const type = headers['content-type'] ?? '';
    const faults: (string | undefined | false)[] = [];
    if (status === 0) return ['there was no answer'];
    faults.push(status >= 500 && `${status} is a fault of ours`);
    faults.push(framingFault(sent.method, answer));
    // Refused before its address was read.
    const path = status === 431 ? '' : (sent.target.split('?')[0] ?? '');
    faults.push(judge(sent.method, path, status, type, body));
    faults.push(headers['x-request-id'] === undefined && 'no X-Request-Id');
    const headersHere = entriesOf(documented(asked, 'responses', String(status), 'headers')).map(([name]) => name.toLowerCase());
    for (const name of headersHere)
      faults.push(!SOMETIMES.has(name) && headers[name] === undefined && `the documented ${name} is not there`);
    faults.push(!headersHere.includes('cache-control') && headers['cache-control'] !== 'no-store' && 'may be stored');
    faults.push(status === 401 && !/^Bearer\b/.test(headers['www-authenticate'] ?? '') && '401 without a challenge');
    faults.push((status === 429 || status === 503) && !/^[1-9]\d*$/.test(headers['retry-after'] ?? '') && `${status} without Retry-After`);
    if (status === 405) faults.push(allowFault(member(document, 'paths', asked.operation.replace(/^\w+ /, '')), headers['allow'] ?? ''));
    if (status >= 400 && sent.method !== 'HEAD') faults.push(...problemFaults(answer, statusOf));
    return faults
      .filter((fault): fault is string => typeof fault === 'string')
      .map((fault) => `${sent.method} ${asked.operation}: ${fault}`);
  };
}

/** Secrets that came back. Those that a request made up may be somebody's display name too, and are looked for where it was refused. */
export function leaks(asked: ArbitraryRequest, sent: WireRequest, answer: RawAnswer, lookup: (name: KnownName) => string): string[] {
  const given = answer.status === 200 ? GIVEN[asked.operation] : undefined;
  const known = SECRETS.filter((name) => answer.wire.includes(lookup(name)) && given?.includes(name) !== true);
  const made =
    answer.status < 400
      ? []
      : sent.secrets.filter((secret) => answer.wire.includes(secret) || answer.wire.includes(JSON.stringify(secret).slice(1, -1)));
  return [...known, ...made.map((secret) => JSON.stringify(secret))].map((secret) => `${asked.operation} repeats ${secret}`);
}

function framingFault(method: string, { status, headers, body }: RawAnswer): string | undefined {
  const length = headers['content-length'];
  if (method === 'HEAD' || status === 204) return body === '' ? undefined : 'a body where none can be';
  // Pictures are not text, and so not as long in bytes as what was read.
  if (length === undefined || !/^(text|application)\//.test(headers['content-type'] ?? '')) return undefined;
  return Buffer.byteLength(body) === Number(length) ? undefined : `${Buffer.byteLength(body)} bytes where ${length} were announced`;
}

function allowFault(methods: unknown, allow: string): string | undefined {
  const own = entriesOf(methods).flatMap(([method]) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]));
  const expected = [...own, 'OPTIONS'].sort().join(', ');
  return allow.split(', ').sort().join(', ') === expected ? undefined : `Allow is "${allow}", where ${expected} are taken`;
}

/** RFC 9457, and what is the same in every one of ours. */
function problemFaults({ status, headers, body }: RawAnswer, statusOf: ReadonlyMap<unknown, unknown>): (string | false)[] {
  let problem: unknown;
  try {
    problem = JSON.parse(body);
  } catch {
    return ['an error that is no JSON'];
  }
  const code = member(problem, 'code');
  return [
    statusOf.get(code) !== status && `${status} with the code ${String(code)}`,
    member(problem, 'status') !== status && `${status} says that it is ${String(member(problem, 'status'))}`,
    member(problem, 'title') !== STATUS_CODES[status] && `the title of ${status} is another`,
    member(problem, 'type') !== `/errors#${String(code)}` && 'the type is not that of the code',
    member(problem, 'request_id') !== headers['x-request-id'] && 'the request has two ids',
  ];
}
