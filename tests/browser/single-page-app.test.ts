import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import express from 'express';
import type { Page } from 'playwright-core';
import { createTestAuth, type TestAuth, type TestUser } from '../../src/testing.js';
import { text } from '../support/answers.js';
import { type Browser, openBrowser } from '../support/browser.js';
import { type LiveServer, serve } from '../support/live-server.js';

/** What a page's fetch was answered; `status` 0 where the browser kept the answer from it. */
interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const COOKIE = '__Host-refresh_token';
const DEVICE_COOKIE = '__Host-device';

let browser: Browser;
let site: LiveServer;
let auth: TestAuth;
let api: LiveServer;
let user: TestUser;
beforeAll(async () => {
  browser = await openBrowser();
  const pages = express();
  pages.get('/', (_req, res) => {
    res.type('html').send('<!doctype html><title>An app</title>');
  });
  site = await serve(pages);
}, 90_000);
afterAll(async () => {
  await browser.close();
  await site.close();
});
beforeEach(async () => {
  auth = await createTestAuth({ CORS_ORIGINS: onLocalhost(site.url) });
  api = await serve(auth.app);
  user = await auth.createUser();
});
afterEach(async () => {
  await browser.context.clearCookies();
  await Promise.all(browser.context.pages().map((page) => page.close()));
  await api.close();
  await auth.close();
});

/** The cookie is for hosts that a browser trusts with it over http, which is localhost by its name. */
const onLocalhost = (url: string): string => url.replace('127.0.0.1', 'localhost');

async function openTab(url = onLocalhost(site.url)): Promise<Page> {
  const page = await browser.context.newPage();
  await page.goto(url);
  return page;
}

/** A request that the page itself makes. */
const ask = (page: Page, method: string, path: string, { body, token }: { body?: object; token?: string } = {}): Promise<Answer> =>
  page.evaluate(
    async ({ url, method, body, token }) => {
      const headers: Record<string, string> = {};
      if (body !== undefined) headers['Content-Type'] = 'application/json';
      if (token !== undefined) headers['Authorization'] = `Bearer ${token}`;
      const given = body === undefined ? {} : { body: JSON.stringify(body) };
      try {
        const response = await fetch(url, { method, headers, credentials: 'include', ...given });
        const answer = await response.text();
        const parsed: unknown = answer === '' ? undefined : JSON.parse(answer);
        return { status: response.status, body: parsed };
      } catch {
        return { status: 0, body: undefined };
      }
    },
    { url: onLocalhost(api.url) + path, method, body, token },
  );

const logIn = (page: Page, more: object = {}): Promise<Answer> =>
  ask(page, 'POST', '/token', { body: { username: user.username, password: user.password, ...more } });
const byCookie = { refresh_transport: 'cookie' };
const refresh = (page: Page, refresh_token?: string): Promise<Answer> =>
  ask(page, 'POST', '/token', { body: { grant_type: 'refresh_token', ...(refresh_token === undefined ? {} : { refresh_token }) } });

describe('an app that keeps no refresh token in reach of its scripts', () => {
  test('logs in, reloads, and goes on by the cookie, which no script can read', async () => {
    const page = await openTab();
    const { status, body } = await logIn(page, byCookie);
    expect(status).toBe(200);
    expect(body).not.toHaveProperty('refresh_token');
    expect(await page.evaluate('document.cookie')).toBe('');
    const kept = { httpOnly: true, secure: true, sameSite: 'Strict', path: '/' };
    const cookies = (await browser.context.cookies(onLocalhost(api.url))).sort((a, b) => a.name.localeCompare(b.name));
    expect(cookies).toMatchObject([
      { name: DEVICE_COOKIE, ...kept },
      { name: COOKIE, ...kept },
    ]);
    for (let times = 0; times < 3; times += 1) {
      await page.reload();
      const refreshed = await refresh(page);
      expect(refreshed.status).toBe(200);
      expect((await ask(page, 'GET', '/users/me', { token: text(refreshed.body, 'access_token') })).status).toBe(200);
    }
  });

  test('refreshes in four tabs at once, again and again, and none is logged out', async () => {
    const tabs = await Promise.all(Array.from({ length: 4 }, () => openTab()));
    const [first] = tabs;
    if (first === undefined) throw new TypeError('there are tabs');
    await logIn(first, byCookie);
    for (let round = 0; round < 5; round += 1) {
      const answers = await Promise.all(tabs.map((tab) => refresh(tab)));
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
      auth.clock.advance(25 * 60);
    }
  });

  test('logs out in one tab, and the very next request of another one is refused', async () => {
    const [here, there] = [await openTab(), await openTab()];
    await logIn(here, byCookie);
    const token = text((await refresh(there)).body, 'access_token');
    expect((await ask(there, 'GET', '/users/me', { token })).status).toBe(200);
    expect((await ask(here, 'POST', '/logout')).status).toBe(204);
    expect((await ask(there, 'GET', '/users/me', { token })).status).toBe(401);
    expect((await refresh(there)).status).toBe(401);
    // The device stays known: that opens nothing.
    expect((await browser.context.cookies(onLocalhost(api.url))).map(({ name }) => name)).toEqual([DEVICE_COOKIE]);
  });

  test('is not reached by a page of another site, whose requests bear no cookie and change nothing', async () => {
    const page = await openTab();
    await logIn(page, byCookie);
    const stranger = await openTab(site.url);
    expect((await refresh(stranger)).status).toBe(0);
    expect((await ask(stranger, 'POST', '/logout')).status).toBe(0);
    await stranger.setContent(
      `<form method="post" action="${onLocalhost(api.url)}/token"><input name="grant_type" value="refresh_token"><button>Win</button></form>`,
    );
    await stranger.getByRole('button').click();
    await stranger.waitForURL(/\/token$/);
    expect((await refresh(page)).status).toBe(200);
  });
});

describe('an app that keeps its refresh token in the storage that its tabs share', () => {
  test('refreshes in four tabs at once, and all store the same token', async () => {
    const tabs = await Promise.all(Array.from({ length: 4 }, () => openTab()));
    const [first] = tabs;
    if (first === undefined) throw new TypeError('there are tabs');
    let token = text((await logIn(first)).body, 'refresh_token');
    for (let round = 0; round < 5; round += 1) {
      const given = token;
      const answers = await Promise.all(tabs.map((tab) => refresh(tab, given)));
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
      const tokens = new Set(answers.map(({ body }) => text(body, 'refresh_token')));
      expect(tokens.size).toBe(1);
      [token = ''] = tokens;
      auth.clock.advance(25 * 60);
    }
  });
});
