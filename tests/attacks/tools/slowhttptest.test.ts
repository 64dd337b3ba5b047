import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from '@jest/globals';
import { IN_PRODUCTION, startAttacked } from '../../support/attacked.js';
import { useProcesses } from '../../support/process.js';
import { testWith } from '../../support/programs.js';
import { exchange, get } from '../../support/raw-http.js';
import { seen } from '../../support/seen.js';
import { useTempFolder } from '../../support/temp-folder.js';

const folder = useTempFolder();
const processes = useProcesses();

const CONNECTIONS = 200;
const PER_SECOND = 50;
/** Seconds until the last connection is opened, and until the service looks after one that is over its time. */
const SLACK_S = 15;
/** How long another client may wait for a sign of life; the goal on a quiet machine is 100 ms. */
const PATIENCE_MS = 1000;
/** Before the tool ends and closes what it still has. */
const ASKED_BEFORE_THE_END_S = 5;
const PROBE_EVERY_MS = 100;

/** The limits are those of src/http-server.ts. */
const ATTACKS = [
  { what: 'headers that never end', limitS: 10, path: '/health/live', options: ['-H', '-i', '4'] },
  { what: 'bodies that never end', limitS: 30, path: '/token', options: ['-B', '-i', '8', '-s', '8192'] },
  {
    what: 'answers that are read a few bytes at a time',
    limitS: 60,
    path: '/docs/swagger-ui-bundle.js',
    options: ['-X', '-w', '1', '-y', '16', '-n', '5', '-z', '16'],
  },
];

/** Asks again and again for a sign of life, over a connection of its own, and gives how long each took in milliseconds. */
async function probeDuring(url: string, work: Promise<unknown>): Promise<number[]> {
  const port = Number(new URL(url).port);
  const over = new AbortController();
  const ending = work.finally(() => {
    over.abort();
  });
  const times: number[] = [];
  while (!over.signal.aborted) {
    const start = performance.now();
    expect((await exchange(port, get('/health/live'))).status).toBe(200);
    times.push(performance.now() - start);
    await sleep(PROBE_EVERY_MS);
  }
  await ending;
  return times.sort((a, b) => a - b);
}

/** How many connections the system has open on that port of this machine: a client that hardly reads does not notice that it was left. */
async function openOn(url: string): Promise<number> {
  const port = Number(new URL(url).port).toString(16).toUpperCase().padStart(4, '0');
  const lines = (await readFile('/proc/net/tcp', 'utf8')).split('\n').map((line) => line.trim().split(/\s+/));
  return lines.filter(([, local, , state]) => local?.endsWith(`:${port}`) === true && state === '01').length;
}

describe(`slowhttptest, which keeps ${CONNECTIONS} connections,`, () => {
  for (const { what, limitS, path, options } of ATTACKS) {
    testWith(
      'slowhttptest',
      `with ${what} has them for ${limitS} s, and keeps no other client from its answers`,
      async () => {
        const service = await startAttacked(processes, folder, IN_PRODUCTION);
        const length = limitS + SLACK_S;
        const bounds = ['-c', String(CONNECTIONS), '-r', String(PER_SECOND), '-l', String(length), '-p', '5', '-u', service.url + path];
        const attack = processes.runProgram('slowhttptest', { cwd: folder.path, args: [...options, ...bounds] }).finished;
        const left = sleep((length - ASKED_BEFORE_THE_END_S) * 1000).then(() => openOn(service.url));
        const times = await probeDuring(service.url, attack);
        const report = (await attack).stdout;
        const p99 = times[Math.ceil(times.length * 0.99) - 1] ?? NaN;
        expect(report).toMatch(/Test ended on \d+th second/);
        const open = report.includes('No open connections left') ? 0 : await left;
        seen(`${open} of them open after ${length - ASKED_BEFORE_THE_END_S} s; /health/live p99 ${p99.toFixed(0)} ms`);
        // Whoever asks for a sign of life may have one.
        expect(open).toBeLessThanOrEqual(1);
        expect(p99).toBeLessThan(PATIENCE_MS);
        await service.end();
      },
      120_000,
    );
  }
});
