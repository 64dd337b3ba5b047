import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test } from '@jest/globals';
import { createServer, request as forward } from 'node:http';
import express from 'express';
import type { Page } from 'playwright-core';
import { createTestAuth, type TestAuth, type TestUser } from '../../src/testing.js';
import { type Browser, openBrowser } from '../support/browser.js';
import { serve, type LiveServer } from '../support/live-server.js';
import { listen, stop } from '../support/raw-http.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

/** Makes what the page's policy refuses a console error of a form that is known. */
const TELL_VIOLATIONS =
  "addEventListener('securitypolicyviolation', (event) => console.error('policy: ' + event.violatedDirective + ' ' + event.blockedURI));";
const WAIT_MS = 15_000;

/** What a page did while it was watched. */
interface Watch {
  readonly requested: string[];
  readonly faults: string[];
}

function watch(page: Page): Watch {
  const seen: Watch = { requested: [], faults: [] };
  page.on('request', (request) => seen.requested.push(request.url()));
  page.on('requestfailed', (request) => seen.faults.push(`${request.url()}: ${request.failure()?.errorText ?? 'failed'}`));
  page.on('response', (response) => {
    if (response.status() >= 400) seen.faults.push(`${response.url()}: ${response.status()}`);
  });
  page.on('pageerror', (error) => seen.faults.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') seen.faults.push(message.text());
  });
  return seen;
}

let browser: Browser;
let page: Page;
let seen: Watch;
beforeAll(async () => {
  browser = await openBrowser();
  await browser.context.addInitScript({ content: TELL_VIOLATIONS });
}, 90_000);
afterAll(() => browser.close());
beforeEach(async () => {
  page = await browser.context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  seen = watch(page);
});
afterEach(() => page.close());

const operation = (path: string) => page.locator('.opblock', { has: page.locator(`[data-path="${path}"]`) });

/** Every request went to this origin; what is no request at all (`data:`) doesn't count. */
const strangers = (origin: string): string[] => seen.requested.filter((url) => !url.startsWith(`${origin}/`) && !url.startsWith('data:'));

async function tryLive(): Promise<string> {
  const live = operation('/health/live');
  await live.locator('.opblock-summary-control').click();
  await live.getByRole('button', { name: 'Try it out' }).click();
  await live.getByRole('button', { name: 'Execute' }).click();
  return live.locator('.live-responses-table .response-col_status').last().innerText();
}

/** Logs in by the password flow of the dialog. */
async function authorize({ username, password }: TestUser): Promise<void> {
  await operation('/register').waitFor();
  await page.locator('.auth-wrapper .authorize').first().click();
  const form = page.locator('.auth-container', { hasText: 'OAuth2, password' });
  await form.locator('#oauth_username').fill(username);
  await form.locator('#oauth_password').fill(password);
  await form.getByRole('button', { name: 'Apply given OAuth2 credentials' }).click();
  await form.getByRole('button', { name: 'Remove authorization' }).waitFor();
  await page.locator('.close-modal').click();
}

async function callMe(): Promise<string> {
  const me = page.locator('.opblock-get', { has: page.locator('[data-path="/users/me"]') }).first();
  await me.locator('.opblock-summary-control').click();
  await me.getByRole('button', { name: 'Try it out' }).click();
  await me.getByRole('button', { name: 'Execute' }).click();
  return me.locator('.live-responses-table .response-col_status').last().innerText();
}

describe('the service on its own', () => {
  let auth: TestApp;
  let server: LiveServer;
  beforeAll(async () => {
    auth = await createTestApp();
    server = await serve(auth.app);
  });
  afterAll(async () => {
    await server.close();
    await auth.close();
  });

  test('/docs shows every operation, without a fault, and asks nobody else for anything', async () => {
    await page.goto(`${server.url}/docs`);
    await operation('/register').waitFor();
    const operations = (await auth.http().get('/openapi.json')).text.match(/"operationId":/g) ?? [];
    expect(await page.locator('.opblock').count()).toBe(operations.length);
    expect(await page.locator('.info .title').innerText()).toContain('Lingomate Auth');
    expect(seen.faults).toEqual([]);
    expect(strangers(server.url)).toEqual([]);
    expect(await browser.context.cookies()).toEqual([]);
  });

  test("'Try it out' calls the service itself", async () => {
    await page.goto(`${server.url}/docs`);
    expect(await tryLive()).toContain('200');
    expect(seen.requested).toContain(`${server.url}/health/live`);
    expect(seen.faults).toEqual([]);
    expect(strangers(server.url)).toEqual([]);
  });

  it('shows for each error response the example of its own code', async () => {
    await page.goto(`${server.url}/docs`);
    const register = operation('/register');
    await register.locator('.opblock-summary-control').click();
    const row = register.locator('tr.response[data-code="422"]');
    await row.locator('.examples-select-element').selectOption('password_too_short');
    await row.getByText('"/errors#password_too_short"').waitFor();
    expect(await row.innerText()).not.toContain('username_taken');
  });

  it('shows no request with a made-up member or a variable', async () => {
    await page.goto(`${server.url}/docs`);
    for (const path of ['/token', '/revoke']) {
      await operation(path).locator('.opblock-summary-control').click();
      await operation(path).locator('.responses-wrapper').waitFor();
      expect(await operation(path).innerText()).not.toMatch(/additionalProp\d|\{\{/);
    }
  });

  it('logs a user in by Authorize, and sends the access token with the next call', async () => {
    const ada = await auth.createUser({ username: 'ada' });
    await page.goto(`${server.url}/docs`);
    await authorize(ada);
    expect(await callMe()).toContain('200');
    expect(strangers(server.url)).toEqual([]);
  });

  it.each(['/errors', '/dev/mailbox', '/docs'])('shows %s on a phone without scrolling sideways', async (path) => {
    await page.setViewportSize({ width: 320, height: 640 });
    await page.goto(server.url + path);
    if (path === '/docs') await operation('/register').waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(320);
  });

  test('the address alone lands on the documentation', async () => {
    await page.goto(server.url);
    expect(page.url()).toBe(`${server.url}/docs`);
    await operation('/register').waitFor();
    expect(seen.faults).toEqual([]);
  });

  test("the page that an error's type points to stands at that error", async () => {
    await page.goto(`${server.url}/errors#username_taken`);
    const row = page.locator('tr:target');
    expect(await row.innerText()).toContain('username_taken');
    expect(await row.innerText()).toContain('Username already registered');
    // A style that the policy refuses would leave it without its colour.
    expect(await page.evaluate('getComputedStyle(document.querySelector("tr:target")).backgroundColor')).not.toBe('rgba(0, 0, 0, 0)');
    expect(seen.faults).toEqual([]);
    expect(strangers(server.url)).toEqual([]);
  });
});

describe('the service mounted under a prefix', () => {
  let auth: TestAuth;
  let server: LiveServer;
  beforeAll(async () => {
    auth = await createTestAuth();
    server = await serve(express().use('/auth', auth.app));
  });
  afterAll(async () => {
    await server.close();
    await auth.close();
  });

  test('lands on its documentation there, which calls it there, and leaves the rest of the site alone', async () => {
    await page.goto(`${server.url}/auth`);
    expect(page.url()).toBe(`${server.url}/auth/docs`);
    expect(await tryLive()).toContain('200');
    expect(seen.requested.filter((url) => !url.startsWith(`${server.url}/auth`) && !url.startsWith('data:'))).toEqual([]);
    expect(seen.faults).toEqual([]);
  });

  it('logs a user in there by Authorize', async () => {
    await page.goto(`${server.url}/auth/docs`);
    await authorize(await auth.createUser({ username: 'ada' }));
    expect(await callMe()).toContain('200');
    expect(seen.faults).toEqual([]);
  });

  test("shows an error's page there", async () => {
    await page.goto(`${server.url}/auth/errors#username_taken`);
    expect(await page.locator('tr:target').innerText()).toContain('username_taken');
    expect(seen.faults).toEqual([]);
  });
});

describe('the service behind a proxy that strips the path of ISSUER', () => {
  test('shows its documentation at either spelling, which calls it under that path alone', async () => {
    const auth = await createTestApp({ ISSUER: 'https://example.com/auth' });
    const server = await serve(auth.app);
    const proxy = createServer((req, res) => {
      const path = req.url?.startsWith('/auth/') ? req.url.slice('/auth'.length) : '/outside';
      const onward = forward(server.url + path, { method: req.method, headers: req.headers }, (answer) => {
        res.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(res);
      });
      req.pipe(onward);
    });
    const url = `http://127.0.0.1:${await listen(proxy)}/auth`;
    for (const start of [`${url}/`, `${url}/docs/`]) {
      await page.goto(start);
      expect(page.url()).toBe(`${url}/docs`);
      expect(await tryLive()).toContain('200');
    }
    expect(seen.requested).toContain(`${url}/health/live`);
    expect(seen.requested.filter((one) => !one.startsWith(`${url}/`) && !one.startsWith('data:'))).toEqual([]);
    expect(seen.faults).toEqual([]);
    await stop(proxy);
    await server.close();
    await auth.close();
  });
});
