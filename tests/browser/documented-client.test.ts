import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import express from 'express';
import type { Page } from 'playwright-core';
import { createTestAuth, type TestAuth, type TestUser } from '../../src/testing.js';
import { type Browser, openBrowser } from '../support/browser.js';
import { codeBlocks } from '../support/documented.js';
import { type LiveServer, serve } from '../support/live-server.js';

// The JavaScript of the documentation, as it stands there but for the URL of the service.

const PASSWORD = 'correct horse battery staple';
const DOCUMENTED_URL = 'http://localhost:8000';
const named = (url: string, host: string): string => url.replace('127.0.0.1', host);

let browser: Browser;
let site: LiveServer;
let auth: TestAuth;
let api: LiveServer;
let user: TestUser;
let scripts: ReadonlyMap<string, string>;
beforeAll(async () => {
  browser = await openBrowser();
  const pages = express();
  pages.get('/', (_req, res) => {
    res.type('html').send('<!doctype html><title>An app</title>');
  });
  pages.get('/:name', (req, res) => {
    res.type('text/javascript').send(scripts.get(req.params.name));
  });
  site = await serve(pages);
}, 90_000);
afterAll(async () => {
  await browser.close();
  await site.close();
});
beforeEach(async () => {
  const origins = ['localhost', '127.0.0.1', 'app.test'].map((host) => named(site.url, host));
  auth = await createTestAuth({ CORS_ORIGINS: origins.join(',') });
  api = await serve(auth.app);
  user = await auth.createUser({ username: 'ada', password: PASSWORD });
  const atThisPort = (code = ''): string => code.replace(DOCUMENTED_URL, named(api.url, 'localhost'));
  const [client] = codeBlocks('docs/single-page-apps.md', 'js');
  const snippet = codeBlocks('README.md', 'js').find((code) => code.includes(DOCUMENTED_URL));
  scripts = new Map([
    ['auth.js', atThisPort(client)],
    ['readme.js', atThisPort(snippet)],
  ]);
});
afterEach(async () => {
  await browser.context.clearCookies();
  await Promise.all(browser.context.pages().map((page) => page.close()));
  await api.close();
  await auth.close();
});

/** Opens a page, and records the method, path and status of its requests to the service. */
async function open(host = 'localhost'): Promise<{ page: Page; requests: string[] }> {
  const page = await browser.context.newPage();
  const requests: string[] = [];
  page.on('response', (response) => {
    const { pathname, port } = new URL(response.url());
    if (port === new URL(api.url).port) requests.push(`${response.request().method()} ${pathname} ${response.status()}`);
  });
  await page.goto(named(site.url, host));
  return { page, requests };
}

/** Evaluates an expression in the page, in which `client` is the module of the documentation. */
const run = (page: Page, expression: string): Promise<unknown> =>
  page.evaluate(
    `import('/auth.js').then(async (client) => ${expression}).catch((error) => ({ code: error.code, message: error.message }))`,
  );
const LOG_IN = `client.logIn('ada', '${PASSWORD}')`;

describe('the client of docs/single-page-apps.md', () => {
  test('is signed out on a first visit, logs in, stays signed in over a reload, and logs out', async () => {
    const { page, requests } = await open();
    expect(await run(page, 'client.refresh()')).toBe(false);
    expect(await run(page, LOG_IN)).toBeUndefined();
    await page.reload();
    expect(await run(page, 'client.refresh()')).toBe(true);
    expect(await run(page, "(await client.request('/users/me')).status")).toBe(200);
    expect(await run(page, 'client.logOut()')).toBeUndefined();
    expect(await run(page, 'client.refresh()')).toBe(false);
    expect(await run(page, 'client.logOut()')).toBeUndefined();
    expect(requests.filter((request) => request.startsWith('POST'))).toEqual([
      'POST /token 401',
      'POST /token 200',
      'POST /token 200',
      'POST /logout 204',
      'POST /token 401',
      'POST /logout 401',
    ]);
  });

  test('reports a wrong password by its code and stays signed out', async () => {
    const { page } = await open();
    expect(await run(page, "client.logIn('ada', 'a wrong password')")).toEqual({
      code: 'invalid_credentials',
      message: 'Incorrect username or password',
    });
  });

  test('sends one refresh for two effects, and repeats a request whose access token has expired', async () => {
    const { page, requests } = await open();
    await run(page, LOG_IN);
    auth.clock.advance(31 * 60);
    requests.length = 0;
    expect(await run(page, '(await Promise.all([client.refresh(), client.refresh()]))')).toEqual([true, true]);
    expect(requests.filter((request) => request.startsWith('POST'))).toEqual(['POST /token 200']);
    auth.clock.advance(31 * 60);
    expect(await run(page, "(await client.request('/users/me')).status")).toBe(200);
  });

  test('is signed out once its session was ended elsewhere', async () => {
    const { page } = await open();
    await run(page, LOG_IN);
    const agent = await auth.agent(user);
    expect((await agent.post('/logout?scope=all')).status).toBe(204);
    expect(await run(page, "(await client.request('/users/me')).status")).toBe(401);
    expect(await run(page, 'client.refresh()')).toBe(false);
  });

  test('throws, and stays signed in, while the service is unavailable', async () => {
    const { page } = await open();
    await run(page, LOG_IN);
    await page.route('**/token', (route) => route.fulfill({ status: 503, json: { code: 'unavailable', detail: 'retry later' } }));
    expect(await run(page, 'client.refresh()')).toMatchObject({ code: 'unavailable' });
    await page.unroute('**/token');
    expect(await run(page, 'client.refresh()')).toBe(true);
  });
});

describe('a log-in by a cookie that the browser would discard', () => {
  test.each([
    ['127.0.0.1', 'localhost', /different sites/],
    ['app.test', 'app.test', /over https/],
  ])('is refused on a page of http://%s with the service on http://%s, and no session begins', async (pageHost, apiHost, reason) => {
    const client = scripts.get('auth.js') ?? '';
    scripts = new Map([['auth.js', client.replace(named(api.url, 'localhost'), named(api.url, apiHost))]]);
    const { page } = await open(pageHost);
    const refused = { code: 'malformed_request', message: expect.stringMatching(reason) };
    expect(await run(page, LOG_IN)).toEqual(refused);
    expect(await browser.context.cookies()).toEqual([]);
  });
});

test('the snippet of the README logs in on a first visit and logs out', async () => {
  const { page, requests } = await open();
  expect(await page.evaluate("import('/readme.js').then(() => 'done', (error) => error.message)")).toBe('done');
  expect(requests.filter((request) => request.startsWith('POST'))).toEqual(['POST /token 401', 'POST /token 200', 'POST /logout 204']);
});
