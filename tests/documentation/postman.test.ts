import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import newman, { type NewmanRunOptions, type NewmanRunSummary } from 'newman';
import { isJsonObject } from '../../src/routes/openapi.js';
import { serve, type LiveServer } from '../support/live-server.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

/** What went wrong, as somebody at the Postman console would read it. */
const failuresOf = ({ run: { failures } }: NewmanRunSummary): string[] =>
  failures.map(({ source, error }) => `${source?.name ?? 'the run'}: ${error.message}`);

const listIn = (value: unknown, name: string): unknown[] => {
  const list: unknown = isJsonObject(value) ? value[name] : undefined;
  return Array.isArray(list) ? list : [];
};
const textIn = (value: unknown, name: string): string => {
  const text = isJsonObject(value) ? value[name] : undefined;
  return typeof text === 'string' ? text : '';
};

describe('the Postman collection', () => {
  let auth: TestApp;
  let server: LiveServer;
  let folder: string;
  /** The two files, as somebody downloads them. */
  let collection: string;
  let environment: string;
  let collectionText: string;
  let environmentText: string;
  beforeAll(async () => {
    auth = await createTestApp();
    server = await serve(auth.app);
    folder = mkdtempSync(join(tmpdir(), 'postman-'));
    collection = join(folder, 'collection.json');
    environment = join(folder, 'environment.json');
    collectionText = (await auth.http().get('/postman.json')).text;
    environmentText = (await auth.http().get('/postman-environment.json')).text;
    writeFileSync(collection, collectionText);
    writeFileSync(environment, environmentText);
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await server.close();
    await auth.close();
  });

  const run = (options: Partial<NewmanRunOptions> = {}): Promise<NewmanRunSummary> =>
    new Promise((done, failed) => {
      const envVar = [{ key: 'base_url', value: server.url }];
      newman.run({ collection, environment, envVar, reporters: [], timeout: 30_000, ...options }, (error, summary) => {
        if (error) failed(error);
        else done(summary);
      });
    });

  let first: Promise<NewmanRunSummary> | undefined;
  /** The run of a newcomer, which several promises are told of. */
  const firstRun = (): Promise<NewmanRunSummary> => (first ??= run());

  test('passes as it was downloaded, however often', async () => {
    expect(failuresOf(await firstRun())).toEqual([]);
    expect(failuresOf(await run())).toEqual([]);
  });

  test('passes with the variables that the run before left behind', async () => {
    const exportEnvironment = join(folder, 'kept.json');
    expect(failuresOf(await run({ exportEnvironment }))).toEqual([]);
    expect(failuresOf(await run({ environment: exportEnvironment }))).toEqual([]);
  });

  test('sends every request, and asserts something of each', async () => {
    const { executions } = (await firstRun()).run;
    const names = listIn(JSON.parse(collectionText), 'item').map((item) => textIn(item, 'name'));
    expect(executions.map(({ item }) => item.name)).toEqual(names);
    expect(executions.filter(({ assertions }) => assertions.length === 0).map(({ item }) => item.name)).toEqual([]);
  });

  test('keeps the access token in a variable, which the requests after it bear', async () => {
    const summary = await firstRun();
    const token = String(summary.environment.get('access_token'));
    expect(token).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    const verified = summary.run.executions.find(({ request }) => request.url.getPath() === '/verify-token');
    expect(verified?.request.headers.get('Authorization')).toBe(`Bearer ${token}`);
  });

  test('is a v2.1 collection: named, with its schema, and each request with its method, address and scripts', () => {
    const parsed: unknown = JSON.parse(collectionText);
    expect(parsed).toMatchObject({
      info: { name: 'Lingomate Auth', schema: 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json' },
    });
    const items = listIn(parsed, 'item');
    expect(items.length).toBeGreaterThan(5);
    for (const item of items) {
      expect(item).toMatchObject({
        name: expect.stringMatching(/./),
        request: {
          method: expect.stringMatching(/^(GET|POST|PUT|PATCH|DELETE)$/),
          url: { raw: expect.stringMatching(/^\{\{base_url\}\}\//), host: ['{{base_url}}'], path: expect.any(Array) },
        },
      });
      for (const event of listIn(item, 'event')) {
        expect(event).toEqual({
          listen: expect.stringMatching(/^(test|prerequest)$/),
          script: { type: 'text/javascript', exec: expect.any(Array) },
        });
      }
    }
  });

  test('finds each of its variables in the environment, once, with the secret ones marked', () => {
    const values = listIn(JSON.parse(environmentText), 'values');
    const keys = values.map((value) => textIn(value, 'key'));
    expect(new Set(keys).size).toBe(keys.length);
    const used = [...collectionText.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name);
    expect(keys).toEqual(expect.arrayContaining(used));
    const secret = values.filter((value) => /token|password/.test(textIn(value, 'key')));
    expect(secret.map((value) => textIn(value, 'type'))).toEqual(secret.map(() => 'secret'));
  });
});
