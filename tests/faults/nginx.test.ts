import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect } from 'node:net';
import { describe, expect } from '@jest/globals';
import { entriesOf, member, text } from '../support/answers.js';
import { selfSigned } from '../support/certificate.js';
import { occupyPort, type RunningServer, useProcesses } from '../support/process.js';
import { testWith } from '../support/programs.js';
import { eventually } from '../support/service-process.js';
import { useTempFolder } from '../support/temp-folder.js';

const folder = useTempFolder();
const processes = useProcesses();
const ISSUER = 'https://example.com/auth';
const CLIENT = '127.0.0.2';
const MINUTE = 60_000;

/** The server block of docs/operations.md, for a port and a certificate of this machine. */
function documentedConfiguration(replaced: Readonly<Record<string, string>>): string {
  const sample = /```nginx\n([\s\S]+?)```/.exec(readFileSync('docs/operations.md', 'utf8'))?.[1];
  if (sample === undefined) throw new TypeError('the page has no configuration of nginx');
  return Object.entries(replaced).reduce((configuration, [from, to]) => {
    expect(configuration.split(from)).toHaveLength(2);
    return configuration.replace(from, to);
  }, sample);
}

/** What a process needs that may write into its own folder alone. */
const around = (servers: string): string => `
daemon off;
master_process off;
pid ${folder.file('nginx.pid')};
error_log stderr;
events {}
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder.file(name)};`).join('\n  ')}
  ${servers}
}`;

async function freePort(): Promise<number> {
  const { port, server } = await occupyPort();
  await new Promise((closed) => server.close(closed));
  return port;
}

const isListening = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => {
      done(false);
    });
  });

interface Answer {
  readonly status: number | undefined;
  readonly location: string | undefined;
  readonly body: string;
}
interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}
type Send = (path: string, options?: Sent, body?: object) => Promise<Answer>;

async function startNginx(server: RunningServer): Promise<Send> {
  const { key, cert } = selfSigned('127.0.0.1');
  const port = await freePort();
  writeFileSync(folder.file('tls.pem'), cert);
  writeFileSync(folder.file('tls.key'), key);
  const configuration = documentedConfiguration({
    '127.0.0.1:8000': new URL(server.url).host,
    'listen 443 ssl': `listen 127.0.0.1:${port} ssl`,
    '/etc/nginx/example.com.pem': folder.file('tls.pem'),
    '/etc/nginx/example.com.key': folder.file('tls.key'),
  });
  writeFileSync(folder.file('nginx.conf'), around(configuration));
  const nginx = processes.runProgram('nginx', {
    cwd: folder.path,
    args: ['-p', folder.path, '-c', folder.file('nginx.conf'), '-e', 'stderr'],
  });
  await Promise.race([
    eventually(() => isListening(port)),
    nginx.finished.then(({ stderr }) => {
      throw new Error(stderr);
    }),
  ]);
  return (path, { headers, ...options } = {}, body) =>
    new Promise((done, failed) => {
      const type = body === undefined ? {} : { 'Content-Type': 'application/json' };
      const sent = request(
        {
          host: '127.0.0.1',
          servername: '',
          port,
          path,
          ca: cert,
          localAddress: CLIENT,
          ...options,
          headers: { Host: 'example.com', ...type, ...headers },
        },
        (response) => {
          let received = '';
          response.on('data', (chunk: Buffer) => {
            received += chunk.toString('latin1');
          });
          response.on('end', () => {
            done({ status: response.statusCode, location: response.headers.location, body: received });
          });
        },
      );
      sent.once('error', failed);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
}

const pathOf = (reference: string, page: string): string => new URL(reference, `https://example.com${page}`).pathname;

describe('behind nginx as docs/operations.md configures it', () => {
  testWith(
    'nginx',
    'every URL in a response leads to the service, and the log has the address of the client',
    async () => {
      const settings = { ISSUER, TRUST_PROXY: '1', BCRYPT_ROUNDS: '4', NODE_ENV: 'test' };
      const server = await processes.startServer({ cwd: folder.path, settings });
      const send = await startNginx(server);

      const root = await send('/auth/', { headers: { Accept: 'text/html' } });
      expect(root).toMatchObject({ status: 302, location: '/auth/docs' });
      for (const [, link] of entriesOf(member(JSON.parse((await send('/auth/')).body), 'links')))
        expect([link, (await send(String(link))).status]).toEqual([link, 200]);

      const slash = await send('/auth/docs/');
      expect([slash.status, pathOf(slash.location ?? '', '/auth/docs/')]).toEqual([308, '/auth/docs']);
      const page = (await send('/auth/docs')).body;
      const parts = Array.from(page.matchAll(/(?:src|href)="([^"]+)"/g), ([, reference = '']) => pathOf(reference, '/auth/docs'));
      expect(parts.length).toBeGreaterThanOrEqual(3);
      for (const part of parts) expect([part, (await send(part)).status]).toEqual([part, 200]);
      // What swagger-ui reads, and what it puts before each path.
      expect((await send('/auth/docs/docs.js')).body).toContain("url: 'openapi.json'");
      const document: unknown = JSON.parse((await send(pathOf('openapi.json', '/auth/docs'))).body);
      expect(member(document, 'servers')).toEqual([{ url: '/auth' }]);

      const account = { username: 'Ada', password: 'correct horse battery staple' };
      const registered = await send('/auth/register', { method: 'POST' }, account);
      expect(registered).toMatchObject({ status: 201, location: '/auth/users/me' });
      const forged = { 'X-Forwarded-For': '203.0.113.9' };
      const problem = await send('/auth/nothing', { headers: forged });
      expect([problem.status, text(JSON.parse(problem.body), 'type')]).toEqual([404, '/auth/errors#not_found']);
      expect((await send('/auth/postman-environment.json')).body).toContain(`"key":"base_url","value":"${ISSUER}"`);
      const metadata = await send('/.well-known/oauth-authorization-server/auth');
      expect(member(JSON.parse(metadata.body), 'token_endpoint')).toBe(`${ISSUER}/token`);

      const { stdout } = await server.end('SIGTERM');
      const requests = stdout.split('\n').filter((line) => line.includes('"msg":"request"'));
      expect(requests.length).toBeGreaterThan(10);
      expect(requests.filter((line) => !line.includes(`"ip":"${CLIENT}"`))).toEqual([]);
    },
    MINUTE,
  );
});
