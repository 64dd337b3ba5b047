import { readdirSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { createTestAuth } from '../../src/testing.js';
import { type RunningServer, useProcesses } from '../support/process.js';
import { postJson } from '../support/raw-http.js';
import { seen } from '../support/seen.js';
import { createClient, eventually, sharedSettings, tokensOf } from '../support/service-process.js';
import { useTempFolder } from '../support/temp-folder.js';
import { createCrew, WRITERS_SETTINGS } from '../support/writers.js';

const folder = useTempFolder();
const processes = useProcesses();
const CREDENTIALS = { username: 'ada', password: 'a password of my own' };

const settingsOf = (more: Readonly<Record<string, string>> = {}) =>
  sharedSettings(`sqlite:${folder.file('auth.db')}`, { ...WRITERS_SETTINGS, LOG_LEVEL: 'info', ...more });
const start = (settings = settingsOf()): Promise<RunningServer> => processes.startServer({ cwd: folder.path, settings });

/** What became of a request on a connection that is kept. */
type Fate = number | 'refused' | 'reset';

function ask(agent: Agent, url: string): Promise<Fate> {
  return new Promise((done) => {
    const call = request(url, { agent }, (response) => {
      response.resume();
      response.on('end', () => {
        done(response.statusCode ?? 0);
      });
    });
    call.on('error', (error) => {
      done('code' in error && error.code === 'ECONNREFUSED' ? 'refused' : 'reset');
    });
    call.end();
  });
}

describe('SIGTERM under load', () => {
  test('resets no connection that is in use, says that it is not ready, ends with 0, and every write that it acknowledged is there', async () => {
    const settings = settingsOf();
    const server = await start(settings);
    const service = createClient(server.url);
    const auth = await createTestAuth(settings);
    const crew = await createCrew(auth, service);
    const agent = new Agent({ keepAlive: true });
    const fates: Fate[] = [];
    const readers = Array.from({ length: 10 }, async () => {
      let fate: Fate = 0;
      while (fate !== 'refused' && fate !== 'reset') fates.push((fate = await ask(agent, `${server.url}/health/ready`)));
    });
    let left = 100;
    let work = Promise.resolve();
    await new Promise<void>((due) => {
      work = crew.work(service, () => {
        left -= 1;
        if (left === 0) due();
      });
    });
    server.signal('SIGTERM');
    expect(await server.finished).toMatchObject({ code: 0, stderr: '' });
    await Promise.all([work, ...readers]);
    agent.destroy();
    const times = (fate: Fate): number => fates.filter((one) => one === fate).length;
    seen(`ready ${times(200)} times, then ${times(503)} times not; ${times('reset')} connections reset, ${times('refused')} refused`);
    expect(new Set(fates)).toEqual(new Set([200, 503, 'refused']));

    const next = createClient((await start(settings)).url);
    await crew.check(next);
    await crew.checkRecord(auth);
    await auth.close();
  }, 120_000);
});

describe('a client that hangs up', () => {
  test('before its request was whole, or before the answer, leaves nothing open, and nothing half done', async () => {
    const server = await start();
    const service = createClient(server.url);
    const pid = server.pid;
    const open = (): number => readdirSync(`/proc/${pid}/fd`).length;
    expect((await service.send('POST', '/register', { body: CREDENTIALS })).status).toBe(201);
    tokensOf(await service.send('POST', '/token', { body: CREDENTIALS }));
    const before = open();
    const registrations = Array.from({ length: 60 }, (_, index) => `eve-${index}`);
    await Promise.all(
      registrations.map((username, index) => {
        const whole = postJson('/register', JSON.stringify({ ...CREDENTIALS, username }));
        // Some at each place of the request, some after it.
        const sent = index % 3 === 0 ? whole : whole.slice(0, Math.floor((whole.length * index) / registrations.length));
        return new Promise<void>((done) => {
          const socket = connect(Number(new URL(server.url).port), '127.0.0.1', () => {
            socket.write(sent, () => {
              if (index % 2 === 0) socket.resetAndDestroy();
              else socket.destroy();
            });
          });
          socket.on('error', () => undefined);
          socket.on('close', () => {
            done();
          });
        });
      }),
    );
    await eventually(() => open() <= before + 2);
    for (const username of registrations) {
      // There wholly, or not at all.
      const again = await service.send('POST', '/register', { body: { ...CREDENTIALS, username } });
      const { status } = await service.send('POST', '/token', { body: { ...CREDENTIALS, username } });
      expect([
        [201, 200],
        [409, 200],
      ]).toContainEqual([again.status, status]);
    }
    expect((await service.send('GET', '/health/ready')).status).toBe(200);
    expect(await server.end('SIGTERM')).toMatchObject({ code: 0, stderr: '' });
  }, 60_000);
});
