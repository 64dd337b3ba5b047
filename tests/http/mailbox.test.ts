import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import supertest, { type Response } from 'supertest';
import { expectProblem, member } from '../support/answers.js';
import { exchange, expectRawProblem, get, listen, stop } from '../support/raw-http.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const MEMBERS = ['id', 'to', 'subject', 'purpose', 'text', 'html', 'link', 'token', 'created_at'];

let auth: TestApp;
beforeAll(async () => {
  auth = await createTestApp();
  await auth.http().post('/register').set('Host', 'evil.example').set('X-Forwarded-Host', 'evil.example').send(named('ada'));
  auth.clock.advance(1);
  await auth.http().post('/register').send(named('eve'));
});
afterAll(() => auth.close());

const named = (username: string) => ({ username, password: 'a password of my own', email: `${username}@example.com` });
const mailbox = (query = ''): supertest.Test => auth.http().get(`/dev/mailbox${query}`);
const dataOf = (response: Response): unknown[] => {
  const data = member(response.body, 'data');
  if (!Array.isArray(data)) throw new TypeError('a mailbox has data');
  return data;
};

describe('the mailbox', () => {
  test('shows each mail with its link and token, newest first', async () => {
    const response = await mailbox();
    expect(response.status).toBe(200);
    expect(response.headers).toMatchObject({ 'cache-control': 'no-store', 'content-type': 'application/json; charset=utf-8' });
    expect(response.body).toEqual({ data: expect.any(Array) });
    const [newest, oldest] = dataOf(response);
    expect(dataOf(response)).toHaveLength(2);
    expect(Object.keys(newest ?? {})).toEqual(MEMBERS);
    expect(newest).toMatchObject({ to: 'eve@example.com', purpose: 'email_verification', token: expect.any(String) });
    expect(member(newest, 'link')).toBe(`http://localhost:3000/verify-email#token=${String(member(newest, 'token'))}`);
    expect(oldest).toMatchObject({ to: 'ada@example.com' });
  });

  test.each(['ada@example.com', 'ADA@Example.COM'])('shows the mails to %s alone', async (to) => {
    expect(dataOf(await mailbox(`?to=${to}`)).map((mail) => member(mail, 'to'))).toEqual(['ada@example.com']);
  });

  test('is empty for an address that got none, and whole for an empty one', async () => {
    expect((await mailbox('?to=nobody@example.com')).body).toEqual({ data: [] });
    expect(dataOf(await mailbox('?to='))).toHaveLength(2);
    expectProblem(await mailbox('?to=a@example.com&to=b@example.com'), 422, 'validation_failed', { errors: [['to', 'type']] });
  });

  test('is what the CI kit tells', async () => {
    const [mail] = await auth.mails('ADA@example.com');
    const { createdAt, ...rest } = mail ?? {};
    expect(dataOf(await mailbox('?to=ada@example.com'))).toEqual([{ ...rest, created_at: createdAt?.toISOString() }]);
    expect(await auth.mails()).toHaveLength(2);
  });

  test('has no link that a request has chosen', async () => {
    const mails = await auth.mails();
    expect(JSON.stringify(mails)).not.toContain('evil');
  });

  test('is a page for a browser, on which nothing runs', async () => {
    const response = await mailbox('?to=ada@example.com%22%3E%3Cscript%3E').set('Accept', 'text/html,*/*;q=0.8');
    expect(response.type).toBe('text/html');
    expect(response.text).toContain('value="ada@example.com&#34;&#62;&#60;script&#62;"');
    const { text, headers } = await mailbox().set('Accept', 'text/html');
    const [mail] = await auth.mails('ada@example.com');
    expect(text).toContain(`<a href="${mail?.link ?? ''}">`);
    expect(text).toContain(`<code>${mail?.token ?? ''}</code>`);
    expect(text).toContain('href="../docs/favicon-32x32.png"');
    expect(text).not.toMatch(/<script|onerror|javascript:/i);
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; .*frame-ancestors 'none'$/);
    expect(headers['content-security-policy']).not.toContain('script-src');
  });

  test('is a page that refreshes itself and shows the HTML of each mail where no script runs and no page of ours is in reach', async () => {
    const { text } = await mailbox().set('Accept', 'text/html');
    expect(text).toMatch(/<meta http-equiv="refresh" content="\d+">/);
    const [frame] = /<iframe[^>]*>/.exec(text) ?? [];
    expect(frame).toContain('sandbox="allow-popups allow-popups-to-escape-sandbox"');
    expect(frame).toContain('&#60;title&#62;Confirm your e-mail address');
    expect(text).toContain('<a href="?to=eve%40example.com">eve@example.com</a>');
  });

  test('is a page that says how to cause a mail where there is none', async () => {
    const { text } = await mailbox('?to=nobody@example.com').set('Accept', 'text/html');
    expect(text).toContain('There are no mails to nobody@example.com.');
    const empty = await createTestApp();
    const page = await empty.http().get('/dev/mailbox').set('Accept', 'text/html');
    expect(page.text).toMatch(/There are no mails\. .*POST \/register.*POST \/password\/forgot/);
    await empty.close();
  });

  test('takes no other method here, and changes nothing', async () => {
    expect(auth.log.join()).not.toContain('SMTP_URL');
    expectProblem(await auth.http().post('/dev/mailbox').send({}), 405, 'method_not_allowed');
    expect((await auth.http().head('/dev/mailbox')).status).toBe(200);
  });
});

describe('the mailbox is not there', () => {
  const METHODS = ['get', 'head', 'post', 'put', 'delete', 'options'] as const;

  test.each(['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '203.0.113.7', '[2001:db8::1]:8000', ''])(
    'for a page that is called %j here',
    async (host) => {
      const server = createServer(auth.app);
      const port = await listen(server);
      const answer = await exchange(port, get('/dev/mailbox').replace('Host: localhost', `Host: ${host}`));
      await stop(server);
      expectRawProblem(answer, 404, 'not_found');
    },
  );

  test.each(['localhost', 'LOCALHOST:8000', 'auth.localhost:8000', '127.0.0.1', '127.1.2.3:8000', '[::1]:8000', '[::ffff:127.0.0.1]:8000'])(
    'but for one that is called %s',
    async (host) => {
      expect((await mailbox().set('Host', host)).status).toBe(200);
    },
  );

  test('for programs elsewhere, whatever a header says', async () => {
    for (const [address, there] of [
      ['203.0.113.7', false],
      ['::ffff:203.0.113.7', false],
      ['2001:db8::1', false],
      ['127.8.9.10', true],
      ['::1', true],
      ['::ffff:127.0.0.1', true],
    ] as const) {
      const server = createServer((req, res) => {
        Object.defineProperty(req.socket, 'remoteAddress', { value: address, configurable: true });
        auth.app(req, res);
      });
      await listen(server);
      for (const method of METHODS) {
        const { status } = await supertest(server)[method]('/dev/mailbox').set('Host', 'localhost');
        expect({ address, method, isThere: status !== 404 }).toEqual({ address, method, isThere: there });
      }
      await stop(server);
    }
  });

  test.each([
    ['X-Forwarded-For', '203.0.113.7'],
    ['X-Forwarded-For', '127.0.0.1'],
    ['X-Forwarded-Host', 'localhost'],
    ['X-Forwarded-Proto', 'http'],
    ['X-Forwarded-Port', '8000'],
    ['Forwarded', 'for=127.0.0.1'],
    ['X-Real-IP', '127.0.0.1'],
    ['Via', '1.1 proxy'],
  ])('for a request that a proxy on this machine forwards with %s: %s', async (header, value) => {
    for (const method of METHODS) {
      const request = auth.http()[method]('/dev/mailbox');
      const { status } = await request.set({ Host: 'localhost', [header]: value });
      expect([method, status]).toEqual([method, 404]);
    }
  });

  test('where a proxy is trusted, whatever the request bears', async () => {
    const proxied = await createTestApp({ TRUST_PROXY: 1 });
    for (const method of METHODS) expect((await proxied.http()[method]('/dev/mailbox')).status).toBe(404);
    expect((await proxied.http().get('/dev/mailbox').set('X-Forwarded-For', '127.0.0.1')).status).toBe(404);
    expect((await proxied.http().get('/openapi.json')).text).not.toContain('mailbox');
    await proxied.close();
  });

  test('for anybody in production, by any method, and in no document', async () => {
    const production = await createTestApp({ NODE_ENV: 'production', ISSUER: 'https://auth.example.com', BCRYPT_ROUNDS: 10 });
    expect(production.log.filter((line) => line.includes('SMTP_URL is not set'))).toHaveLength(1);
    for (const method of METHODS) {
      const [asked, elsewhere] = await Promise.all(['/dev/mailbox', '/dev/nowhere'].map((path) => production.http()[method](path)));
      expect([asked?.status, Object.keys(asked?.headers ?? {}).sort()]).toEqual([404, Object.keys(elsewhere?.headers ?? {}).sort()]);
    }
    for (const document of ['/openapi.json', '/postman.json'])
      expect((await production.http().get(document)).text).not.toContain('mailbox');
    await production.close();
  });
});
