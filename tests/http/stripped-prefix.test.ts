import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer, request as forward, type Server } from 'node:http';
import express from 'express';
import supertest from 'supertest';
import { createHttpServer } from '../../src/http-server.js';
import { entriesOf, expectProblem, member } from '../support/answers.js';
import { exchange, listen, stop } from '../support/raw-http.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const PREFIX = '/apps/auth';
const BROWSER = 'text/html,*/*;q=0.8';
const UNREADABLE = 'nonsense\r\n\r\n';

/** A reverse proxy that hands on what lies under a prefix, without it. */
const proxyTo = (port: number): Server =>
  createServer((req, res) => {
    const { method, headers, url = '' } = req;
    if (!url.startsWith(`${PREFIX}/`)) {
      res.writeHead(418).end();
      return;
    }
    const onward = forward({ port, host: '127.0.0.1', method, headers, path: url.slice(PREFIX.length) }, (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(res);
    });
    req.pipe(onward);
  });

describe.each([`https://example.com${PREFIX}`, `https://example.com${PREFIX}/`])(
  'behind a proxy that strips the path of ISSUER=%s',
  (ISSUER) => {
    let auth: TestApp;
    let server: Server;
    let proxy: Server;
    let port: number;
    beforeAll(async () => {
      auth = await createTestApp({ ISSUER });
      server = createHttpServer(auth.app, {}, undefined, PREFIX);
      port = await listen(server);
      proxy = proxyTo(port);
      await listen(proxy);
    });
    afterAll(async () => {
      await stop(proxy);
      await stop(server);
      await auth.close();
    });

    it('every link of / leads somewhere', async () => {
      const links = entriesOf(member((await supertest(proxy).get(`${PREFIX}/`)).body, 'links'));
      expect(links.length).toBeGreaterThan(3);
      for (const [name, link] of links) expect([name, (await supertest(proxy).get(String(link))).status]).toEqual([name, 200]);
    });

    it('/ sends a browser to the documentation, which calls the service there', async () => {
      const response = await supertest(proxy).get(`${PREFIX}/`).set('Accept', BROWSER);
      expect([response.status, response.headers['location']]).toEqual([302, `${PREFIX}/docs`]);
      expect((await supertest(proxy).get(`${PREFIX}/docs`)).status).toBe(200);
      const document: unknown = (await supertest(proxy).get(`${PREFIX}/openapi.json`)).body;
      expect(member(document, 'servers')).toEqual([{ url: PREFIX }]);
    });

    it('/docs/ redirects to the documentation there', async () => {
      const response = await supertest(proxy).get(`${PREFIX}/docs/`).redirects(1);
      expect([response.status, response.redirects.map((url) => new URL(url).pathname)]).toEqual([200, [`${PREFIX}/docs`]]);
    });

    it('the Postman environment has the URL of ISSUER', async () => {
      const { text } = await supertest(proxy).get(`${PREFIX}/postman-environment.json`);
      expect(text).toContain(`"key":"base_url","value":"https://example.com${PREFIX}"`);
    });

    it('Location names the new resource there', async () => {
      const body = { username: 'Ada', password: 'correct horse battery staple' };
      const response = await supertest(proxy).post(`${PREFIX}/register`).send(body);
      expect([response.status, response.headers['location']]).toEqual([201, `${PREFIX}/users/me`]);
    });

    it('a page of the origin of ISSUER may have the refresh cookie, whatever the path', async () => {
      const { username, password } = await auth.createUser();
      const body = { username, password, refresh_transport: 'cookie' };
      const response = await supertest(proxy).post(`${PREFIX}/token`).set('Origin', 'https://example.com').send(body);
      expect([response.status, member(response.body, 'refresh_token')]).toEqual([200, undefined]);
    });

    it('the type of an error is its page there', async () => {
      const response = await supertest(proxy).get(`${PREFIX}/nothing`);
      expectProblem(response, 404, 'not_found', { base: PREFIX });
      expect((await supertest(proxy).get(`${PREFIX}/errors`)).status).toBe(200);
      expect(JSON.parse((await exchange(port, UNREADABLE)).body)).toMatchObject({ type: `${PREFIX}/errors#malformed_request` });
    });
  },
);

describe('mounted under a prefix', () => {
  it.each([
    ['the path of ISSUER is what a proxy strips and the mount point', `https://example.com${PREFIX}/inner`, `${PREFIX}/inner`],
    ['the path of ISSUER is none, as a proxy adds the mount point', 'https://auth.example.com', ''],
  ])('%s: URLs in responses begin with it', async (_how, ISSUER, base) => {
    const auth = await createTestApp({ ISSUER });
    const app = express().use('/inner', auth.app);
    expectProblem(await supertest(app).get('/inner/nothing'), 404, 'not_found', { base });
    expect(member((await supertest(app).get('/inner')).body, 'links', 'docs')).toBe(`${base}/docs`);
    await auth.close();
  });
});
