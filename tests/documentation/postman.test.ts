import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
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
const isPresent = (value: unknown): boolean => value !== undefined && value !== null;

/** The requests of a collection, in its folders' order, each with the name of its folder. */
const requestsIn = (collection: unknown): { folder: string; item: unknown }[] =>
  listIn(collection, 'item').flatMap((folder) => listIn(folder, 'item').map((item) => ({ folder: textIn(folder, 'name'), item })));
const textIn = (value: unknown, name: string): string => {
  const text = isJsonObject(value) ? value[name] : undefined;
  return typeof text === 'string' ? text : '';
};

/** A run starts a sandbox for each script of each request. */
jest.setTimeout(60_000);

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

  const names = (): string[] => requestsIn(JSON.parse(collectionText)).map(({ item }) => textIn(item, 'name'));
  /** The names of the requests that a run has sent; the others were skipped. */
  const sentIn = ({ run: { executions } }: NewmanRunSummary): string[] =>
    executions.filter(({ response }) => isPresent(response)).map(({ item }) => item.name);

  test('skips exactly the requests that need a variable which is empty', async () => {
    const sent = sentIn(await firstRun());
    const skipped = names().filter((name) => !sent.includes(name));
    const needing = requestsIn(JSON.parse(collectionText)).filter(({ item }) => /admin_token|service_key/.test(JSON.stringify(item)));
    expect(skipped).toEqual(needing.map(({ item }) => textIn(item, 'name')));
  });

  test('asserts something of each request that it sends', async () => {
    const { executions } = (await firstRun()).run;
    const sent = executions.filter(({ response }) => isPresent(response));
    expect(sent.length).toBeGreaterThan(20);
    expect(sent.filter(({ assertions }) => assertions.length === 0).map(({ item }) => item.name)).toEqual([]);
  });

  test('sends none of the destructive requests while the variables are empty', async () => {
    const summary = await run({ folder: 'Destructive requests' });
    expect(sentIn(summary)).toEqual([]);
    expect(failuresOf(summary)).toEqual([]);
  });

  describe('with admin_token and service_key of a service that has users', () => {
    let summary: NewmanRunSummary;
    let before: unknown[];
    let after: unknown[];
    beforeAll(async () => {
      const [boss, ada] = [
        await auth.createUser({ username: 'boss', roles: ['user', 'admin'] }),
        await auth.createUser({ username: 'ada' }),
      ];
      for (const user of [boss, ada]) await auth.session(user);
      const adminToken = await auth.token(boss);
      const key = await auth.services.serviceKeys.create({ name: 'shop', scopes: ['introspect'] });
      /** Reads the rows of users that existed before the run, without their last-used times. */
      const kept = async (): Promise<unknown[]> => {
        const paths = [boss, ada].flatMap(({ id }) => [`/admin/users/${id}`, `/admin/users/${id}/sessions`]);
        const bodies: unknown[] = [];
        for (const path of paths) bodies.push((await auth.http().get(path).set('Authorization', `Bearer ${adminToken}`).expect(200)).body);
        const serviceKeys = await auth.services.serviceKeys.list();
        return [...bodies, serviceKeys.find(({ name }) => name === 'shop')?.revoked_at];
      };
      before = await kept();
      const variables = { base_url: server.url, admin_token: adminToken, service_key: key.key };
      summary = await run({ envVar: Object.entries(variables).map(([name, value]) => ({ key: name, value })) });
      after = await kept();
    });

    test('sends every request, and each is answered as it asserts', () => {
      expect(sentIn(summary)).toEqual(names());
      expect(failuresOf(summary)).toEqual([]);
    });

    test('changes nothing of the users, sessions and service keys that were there before', () => {
      expect(after).toMatchObject(before);
    });

    test('removes the account and the service key that it has created', async () => {
      const id = String(summary.environment.get('created_user_id'));
      await expect(auth.services.admin.get(Number(id))).rejects.toMatchObject({ code: 'not_found' });
    });
  });

  test('keeps the requests that change or end what others could need in a folder of their own', () => {
    const destructive = requestsIn(JSON.parse(collectionText)).filter(({ folder: name }) => name === 'Destructive requests');
    const elsewhere = requestsIn(JSON.parse(collectionText)).filter(({ folder: name }) => name !== 'Destructive requests');
    expect(destructive.length).toBeGreaterThan(5);
    for (const { item } of elsewhere) expect(JSON.stringify(item)).not.toMatch(/"method":"DELETE"|\/logout|\/revoke"|password-reset/);
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
    const items = requestsIn(parsed).map(({ item }) => item);
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
