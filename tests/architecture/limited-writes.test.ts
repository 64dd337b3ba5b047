import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../config/index.js';
import { createContainer } from '../../src/container.js';
import { cookieNames, createCookies } from '../../src/presenters/cookie.presenter.js';
import { createRoutes } from '../../src/routes/index.js';
import type { Route } from '../../src/routes/route.js';

/**
 * Writes that no limit may refuse, as that would keep a session alive. They are bounded by nature: a session ends once,
 * and a repeated call writes nothing.
 */
const NEVER_LIMITED = ['POST /logout', 'POST /revoke'];

const nameOf = ({ method, path }: Route): string => `${method.toUpperCase()} ${path}`;

describe('the route table', () => {
  it('has every route that writes under a limit, except those that end the caller’s own session', async () => {
    const container = createContainer(loadConfig({ NODE_ENV: 'test', DATABASE_URL: 'sqlite::memory:', LOG_LEVEL: 'silent' }));
    const { config, services, health, version } = container;
    const settings = {
      ...config.token,
      publicUrl: config.http.publicUrl,
      hasMailbox: true,
      cookies: createCookies(cookieNames(config.http.cookieName)),
      clearsStorage: false,
      passwordMinLength: 8,
    };
    const writing = createRoutes({ services, health, version, settings }).filter(({ method }) => method !== 'get');
    expect(writing.length).toBeGreaterThan(15);
    expect(writing.filter(({ handler }) => handler.limited !== true).map(nameOf)).toEqual(NEVER_LIMITED);
    await container.close();
  });
});
