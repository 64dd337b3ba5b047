import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { inFolder, residentMegabytes, type Running, startTellingHeap, using } from './processes.js';
import { isMet, list, median, type Row, show, table } from './report.js';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } });
const MINUTES = Number(values.minutes);
if (!(MINUTES > 0)) throw new Error('--minutes takes a number above 0');

const CLIENTS = 8;
const SAMPLE_MS = 1000;
/** Caches, compiled code and whatever is held for as long as an access token lives fill up first. */
const WARM_UP = 0.4;
/**
 * What is kept of each request is a leak. The least that can be kept, an entry of a Map with a short key, takes about a
 * hundred bytes; the live heap, read after a full collection each second, varies by less over ten minutes.
 */
const MOST_BYTES_A_REQUEST = 100;
/** What compiled code and caches may still add after the warm-up: over few requests it would look like a leak. */
const SETTLING_MEGABYTES = 3;
/** The allocator's pages come and go: what a process holds varies by some megabytes with nothing kept. */
const MOST_RESIDENT_GROWTH_PERCENT = 10;
const MEGABYTE = 1024 * 1024;

/** Tokens live a minute, so that what is held for their life is let go of within the warm-up. Cheap hashes make for more requests. */
const SETTINGS = { LOG_LEVEL: 'error', BCRYPT_ROUNDS: '10', ACCESS_TOKEN_EXPIRE_MINUTES: '1', RATE_LIMIT: 'on', TRUST_PROXY: '1' };
const PASSWORD = 'correct horse battery staple';

const anything = (): string => randomBytes(9).toString('base64url').replace(/[-_]/g, 'x');
const anyByte = (): number => randomBytes(1)[0] ?? 0;

/** Someone who comes from another address each time, as whoever forges `X-Forwarded-For` does. */
class Client {
  readonly statuses = new Map<number, number>();
  #access = '';
  #refresh = '';

  constructor(
    readonly url: string,
    readonly username: string,
  ) {}

  async ask(method: string, path: string, body?: object, token?: string): Promise<unknown> {
    const response = await fetch(this.url + path, {
      method,
      headers: {
        'X-Forwarded-For': `${anyByte()}.${anyByte()}.${anyByte()}.${anyByte()}`,
        ...(body && { 'Content-Type': 'application/json' }),
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (response.status >= 500 && response.status !== 503) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    this.statuses.set(response.status, (this.statuses.get(response.status) ?? 0) + 1);
    return text === '' ? undefined : JSON.parse(text);
  }

  /** What somebody does: mostly what is asked for often, now and then what costs much, and what an attacker tries. */
  async act(): Promise<void> {
    const deeds: readonly (readonly [weight: number, deed: () => Promise<unknown>])[] = [
      [60, () => this.ask('GET', '/users/me', undefined, this.#access)],
      [60, () => this.ask('GET', `/verify-token/${this.#access}`)],
      [30, () => this.#take({ grant_type: 'refresh_token', refresh_token: this.#refresh })],
      [8, () => this.#take({ username: this.username, password: PASSWORD })],
      [4, () => this.ask('POST', '/logout', undefined, this.#access)],
      [2, () => this.ask('POST', '/register', { username: anything(), password: PASSWORD, email: `${anything()}@example.com` })],
      [8, () => this.ask('POST', '/token', { username: anything(), password: anything() })],
      [4, () => this.ask('POST', '/password/forgot', { identifier: anything() })],
      [10, () => this.ask('POST', '/token', { grant_type: 'refresh_token', refresh_token: anything() })],
      [10, () => this.ask('GET', '/users/me', undefined, `${anything()}.${anything()}.${anything()}`)],
      [5, () => this.ask('GET', `/${anything()}`)],
      [1, () => this.ask('GET', '/health/ready')],
    ];
    let lot = Math.random() * deeds.reduce((sum, [weight]) => sum + weight, 0);
    const drawn = deeds.find(([weight]) => (lot -= weight) < 0);
    await drawn?.[1]();
    if (this.#access === '') await this.#take({ username: this.username, password: PASSWORD });
  }

  async #take(body: object): Promise<void> {
    const answer = await this.ask('POST', '/token', body);
    const taken = typeof answer === 'object' && answer !== null && 'access_token' in answer && 'refresh_token' in answer;
    [this.#access, this.#refresh] = taken ? [String(answer.access_token), String(answer.refresh_token)] : ['', ''];
  }
}

interface Sample {
  readonly atMs: number;
  readonly megabytes: number;
}

/** What is live in the heap, second by second. */
const heapsIn = (log: string): Sample[] =>
  Array.from(log.matchAll(/^heap (\d+)$/gm), ([, bytes], second) => ({ atMs: second * SAMPLE_MS, megabytes: Number(bytes) / MEGABYTE }));

/** Megabytes a millisecond: the median of the slopes between any two, which no single peak moves (Theil–Sen). */
function slopeOf(samples: readonly Sample[]): number {
  const slopes = samples.flatMap((one, index) =>
    samples
      .slice(index + 1)
      .flatMap((other) => (other.atMs > one.atMs ? [(other.megabytes - one.megabytes) / (other.atMs - one.atMs)] : [])),
  );
  return median(slopes);
}

const tenth = (samples: readonly Sample[]): number[] =>
  samples.filter((_, index) => index % Math.max(1, Math.floor(samples.length / 10)) === 0).map(({ megabytes }) => megabytes);

async function soak({ url, pid }: Running, log: string): Promise<Row[]> {
  const clients = Array.from({ length: CLIENTS }, (_, index) => new Client(url, `soak-${index}`));
  for (const client of clients) await client.ask('POST', '/register', { username: client.username, password: PASSWORD });
  const begun = performance.now();
  const [warmMs, endMs] = [MINUTES * 60_000 * WARM_UP, MINUTES * 60_000];
  const passed = (): number => performance.now() - begun;
  let requests = 0;
  const resident: Sample[] = [];
  const sampling = setInterval(() => {
    if (passed() > warmMs) resident.push({ atMs: passed(), megabytes: residentMegabytes(pid) });
  }, SAMPLE_MS);
  const work = async (client: Client): Promise<void> => {
    while (passed() < endMs) {
      await client.act();
      requests += 1;
    }
  };
  await Promise.all(clients.map(work)).finally(() => {
    clearInterval(sampling);
  });
  const heaps = heapsIn(readFileSync(log, 'utf8')).filter(({ atMs }) => atMs > warmMs);
  const aMs = requests / passed();
  const statuses = new Map<number, number>();
  for (const client of clients) for (const [status, times] of client.statuses) statuses.set(status, (statuses.get(status) ?? 0) + times);
  const residentMedian = median(resident.map(({ megabytes }) => megabytes));
  return [
    {
      what: 'requests',
      value: requests,
      unit: '',
      figures: [...statuses]
        .sort(([one], [other]) => one - other)
        .map(([status, times]) => `${status}: ${show(times)}`)
        .join(', '),
      raw: { requests: [requests] },
    },
    {
      what: 'growth of the live heap after the warm-up',
      value: slopeOf(heaps) * (endMs - warmMs),
      unit: 'MB',
      target: { than: 'below', limit: SETTLING_MEGABYTES + (MOST_BYTES_A_REQUEST * aMs * (endMs - warmMs)) / MEGABYTE },
      figures: `MB after full collections: ${list(tenth(heaps))}`,
      raw: { heaps: heaps.map(({ megabytes }) => megabytes) },
    },
    {
      what: 'growth of resident memory after the warm-up',
      value: ((slopeOf(resident) * (endMs - warmMs)) / residentMedian) * 100,
      unit: '%',
      target: { than: 'below', limit: MOST_RESIDENT_GROWTH_PERCENT },
      figures: `MB: ${list(tenth(resident))}`,
      raw: { resident: resident.map(({ megabytes }) => megabytes) },
    },
  ];
}

const rows = await inFolder(async (folder) => {
  const log = join(folder, 'server.log');
  return using(startTellingHeap(folder, SETTINGS), (server) => soak(server, log));
});
const flat = rows.every(isMet);
process.stdout.write(`${MINUTES} minutes, ${CLIENTS} clients at once, the first ${WARM_UP * 100} % left out\n\n${table(rows)}\n\n`);
process.stdout.write(flat ? 'The memory is flat\n' : 'The memory grows\n');
process.exitCode = flat ? 0 : 1;
