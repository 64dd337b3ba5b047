import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { member } from './answers.js';
import { moduleArguments, spawnNode } from './process.js';

/** One of many requests that are sent at once. */
export interface Sent {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly bearer?: string;
  readonly body?: object;
}

export interface Weathered {
  /** 0 where no answer came. */
  readonly status: number;
  /** The fault's code; where no answer came, why. */
  readonly code: unknown;
  readonly retryAfter: string | undefined;
  readonly milliseconds: number;
}

/** Sends all at once, each over a connection of its own, and resolves when each is answered or was not for that long. */
export async function storm(url: string, requests: readonly Sent[], patienceMs: number): Promise<Weathered[]> {
  const agent = new Agent({ keepAlive: false, maxSockets: Infinity });
  return Promise.all(requests.map((sent) => send(url, sent, agent, patienceMs)));
}

function send(url: string, { method, path, bearer, body }: Sent, agent: Agent, patienceMs: number): Promise<Weathered> {
  const data = body === undefined ? '' : JSON.stringify(body);
  const headers = {
    ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(data) }),
  };
  const begun = performance.now();
  const took = (): number => performance.now() - begun;
  return new Promise((done) => {
    const fail = (error: Error): void => {
      done({ status: 0, code: error.message, retryAfter: undefined, milliseconds: took() });
    };
    const asked = request(url + path, { method, headers, agent, signal: AbortSignal.timeout(patienceMs) }, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
      answer.on('error', fail);
      answer.on('end', () => {
        const code = text === '' ? undefined : member(JSON.parse(text), 'code');
        done({ status: answer.statusCode ?? 0, code, retryAfter: answer.headers['retry-after'], milliseconds: took() });
      });
    });
    asked.on('error', fail);
    asked.end(data);
  });
}

/**
 * Asks an address fifty times a second, whether or not the answers before have come, and prints how long each took: in a
 * process of its own, whose event loop has nothing else to do.
 */
const PULSE = `
import { Agent, get } from 'node:http';
const agent = new Agent({ keepAlive: true });
const took = [];
let open = 0;
const beat = setInterval(() => {
  const begun = performance.now();
  open += 1;
  const over = (answer) => { took.push(answer?.statusCode === 200 ? performance.now() - begun : 60_000); open -= 1; };
  get(process.env.URL, { agent, timeout: 60_000 }, (answer) => answer.resume().on('end', () => over(answer))).on('error', () => over());
}, 20);
console.log('beating;');
process.stdin.resume().on('end', () => {
  clearInterval(beat);
  const look = setInterval(() => {
    if (open > 0) return;
    clearInterval(look);
    console.log(JSON.stringify(took));
    process.exit();
  }, 10);
});`;

/** Takes an address's pulse while the work goes on; resolves with how long its answers took, in milliseconds, the shortest first. */
export async function pulseDuring(url: string, work: () => Promise<void>): Promise<number[]> {
  const child = spawnNode(moduleArguments(PULSE), tmpdir(), { URL: url });
  try {
    await child.printed('beating;');
    await work();
    child.endInput();
    const { stdout } = await child.finished;
    const took: unknown = JSON.parse(stdout.split('beating;')[1] ?? '');
    if (!Array.isArray(took)) throw new TypeError('it prints a list');
    return took.map(Number).sort((one, other) => one - other);
  } finally {
    await child.end('SIGKILL');
  }
}

/** The value that so much of a sorted list is not above: 0.99 is the 99th percentile (nearest rank). */
export const percentile = (sorted: readonly number[], share: number): number => sorted[Math.ceil(sorted.length * share) - 1] ?? NaN;
