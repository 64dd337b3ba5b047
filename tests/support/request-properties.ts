import fc, { type RunDetails } from 'fast-check';
import { createAnswerCheck, leaks } from './answer-properties.js';
import { type ArbitraryRequest, arbitraryRequests, operationsOf, writeRequest } from './arbitrary-requests.js';
import { type Dump, differences } from './database-dump.js';
import type { KnownService } from './known-service.js';
import { exchange, get, unchunked } from './raw-http.js';

/** Whether an answer comes is asked here, not how soon. */
const PATIENCE_MS = 15_000;
/** Of what a refused request is there to change. */
const ON_PURPOSE: Readonly<Record<string, readonly string[]>> = {
  // RFC 9700 §4.14.2: whoever has an old refresh token may be a thief, and so the session ends.
  refresh_token_reused: ['auth_sessions', 'auth_revocations'],
};

/** How requests were answered: the statuses of each operation that was asked, and how many had each. */
export type Tally = Map<string, Map<number, number>>;

interface Run {
  /** A new service, for each sequence of requests. */
  readonly start: () => Promise<KnownService>;
  readonly seed: number;
  /** As fast-check printed it with the seed; the failure that was found then, alone. */
  readonly path?: string;
  /** How many sequences, at most. */
  readonly sequences: number;
  readonly seconds?: number;
  /** Counts of earlier runs, to which this one adds its own. */
  readonly tally?: Tally;
  /** Whether a failure is made as short as it can be, which takes its time. */
  readonly shrinks?: boolean;
}

/**
 * Sends sequences of arbitrary requests to new services, each of which has to keep its promises whatever it is asked. Throws what broke them, as the
 * shortest sequence that was found, with seed and path; returns how requests were answered.
 */
export async function holdAgainstRequests(run: Run): Promise<Tally> {
  const { details, tally } = await tryRequests(run);
  if (details.failed) throw new Error(fc.defaultReportMessage(details) ?? 'it failed and says not why', { cause: details.errorInstance });
  return tally;
}

/** The same; what was found is returned. */
export async function tryRequests({
  start,
  seed,
  path,
  sequences,
  seconds,
  tally = new Map(),
  shrinks = true,
}: Run): Promise<{ details: RunDetails<[ArbitraryRequest[]]>; tally: Tally }> {
  const [document, errors] = await withService(start, async (service) => [
    await readJson(service, '/openapi.json'),
    await readJson(service, '/errors'),
  ]);
  const check = createAnswerCheck(document, errors);
  for (const { name } of operationsOf(document)) tally.set(name, tally.get(name) ?? new Map<number, number>());
  const property = fc.asyncProperty(arbitraryRequests(document), async (requests) => {
    await withService(start, async (service) => {
      let before = await service.dump();
      for (const request of requests) before = await ask(service, request, before);
    });
  });
  const ask = async (service: KnownService, asked: ArbitraryRequest, before: Dump): Promise<Dump> => {
    const sent = writeRequest(asked, (name) => service.lookup(name));
    const answer = unchunked(await exchange(service.port, sent.bytes, PATIENCE_MS));
    const statuses = tally.get(asked.operation) ?? new Map<number, number>();
    tally.set(asked.operation, statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1));
    const after = await service.dump();
    const changed = answer.status >= 400 || isSafe(sent.method) ? unwanted(differences(before, after), answer.body) : [];
    const faults = [
      ...check(asked, sent, answer),
      ...leaks(asked, sent, answer, (name) => service.lookup(name)),
      ...changed.map((row) => `${sent.method} ${asked.operation}, answered ${answer.status}: ${row}`),
    ];
    if (faults.length > 0) throw new Error(`${faults.join('\n')}\nasked: ${show(sent.bytes)}\nanswered: ${answer.wire.slice(0, 1500)}`);
    return after;
  };
  const limits = seconds === undefined ? {} : { interruptAfterTimeLimit: seconds * 1000 };
  const details = await fc.check(property, {
    seed,
    ...(path === undefined ? {} : { path }),
    numRuns: sequences,
    ...limits,
    endOnFailure: !shrinks,
  });
  return { details, tally };
}

async function withService<T>(start: Run['start'], work: (service: KnownService) => Promise<T>): Promise<T> {
  const service = await start();
  try {
    return await work(service);
  } finally {
    await service.close();
  }
}

const isSafe = (method: string): boolean => ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND'].includes(method);

const unwanted = (rows: readonly string[], body: string): string[] => {
  const code = /"code":"(\w+)"/.exec(body)?.[1] ?? '';
  return rows.filter((row) => ON_PURPOSE[code]?.includes(row.split(' ', 1)[0] ?? '') !== true);
};

const show = (bytes: Buffer): string => JSON.stringify(bytes.toString('latin1').slice(0, 1500));

/** A JSON answer. */
export const readJson = async ({ port }: KnownService, path: string): Promise<unknown> =>
  JSON.parse(unchunked(await exchange(port, get(path), PATIENCE_MS)).body);
