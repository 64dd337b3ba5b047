import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import express from 'express';
import supertest from 'supertest';
import type { AppError } from '../../src/errors/app-error.js';
import { acceptedAcrValues, satisfiesAcr } from '../../src/lib/acr.js';
import { type Actor, OPERATOR } from '../../src/lib/actor.js';
import { errorHandler } from '../../src/middleware/error-handler.js';
import { requestContext } from '../../src/middleware/request-context.js';
import type { TestUser } from '../../src/testing.js';
import { expectReauthentication } from '../support/answers.js';
import { actorOf } from '../support/client.js';
import { createTestApp, type TestApp } from '../support/test-app.js';
import { createLogger } from '../../src/observability/logger.js';

const MINUTE_MS = 60_000;

let auth: TestApp;
let user: TestUser;
beforeAll(async () => {
  auth = await createTestApp();
  user = await auth.createUser();
});
afterAll(() => auth.close());

/** The user, authenticated so long ago and with that strength. */
const actor = (minutes: number, acr: Actor['acr'] = 'aal1'): Actor => ({
  ...actorOf(user.id, '', auth.clock.now() - minutes * MINUTE_MS),
  acr,
});
const requirement = (acrValues: readonly string[] = []) =>
  expect.objectContaining({
    code: 'reauthentication_required',
    details: expect.objectContaining({ reauthentication: { maxAgeSeconds: 300, acrValues } }),
  });

describe('acr values', () => {
  test('are ordered: a stronger one satisfies each weaker requirement, and no weaker one a stronger', () => {
    const values = ['aal1', 'aal2', 'phr'] as const;
    expect(values.map((required) => values.map((acr) => satisfiesAcr(acr, required)))).toEqual([
      [true, true, true],
      [false, true, true],
      [false, false, true],
    ]);
    expect(values.map(acceptedAcrValues)).toEqual([['aal1', 'aal2', 'phr'], ['aal2', 'phr'], ['phr']]);
  });
});

describe('requireRecent', () => {
  test('accepts an authentication of the last five minutes that is at least as strong as required', async () => {
    const { reauthentication } = auth.services;
    await reauthentication.requireRecent(actor(4.9));
    await reauthentication.requireRecent(actor(4.9, 'aal2'), 'aal2');
    await reauthentication.requireRecent(actor(4.9, 'phr'), 'aal2');
  });

  test.each<[string, number, Actor['acr'], Actor['acr'] | undefined, readonly string[]]>([
    ['is five minutes old', 5, 'aal1', undefined, []],
    ['is strong and old', 5, 'phr', 'aal2', ['aal2', 'phr']],
    ['is recent and too weak', 0, 'aal1', 'aal2', ['aal2', 'phr']],
    ['is recent and not of a passkey', 0, 'aal2', 'phr', ['phr']],
    ['has no time', Number.NaN, 'phr', undefined, []],
  ])('refuses one that %s, and names what would be accepted', async (_what, minutes, acr, required, acrValues) => {
    await expect(auth.services.reauthentication.requireRecent(actor(minutes, acr), required)).rejects.toEqual(requirement(acrValues));
  });
});

describe('require', () => {
  test('returns the user for the right password, and refuses it where a stronger acr is required', async () => {
    const { reauthentication } = auth.services;
    const currentPassword = user.password;
    expect(await reauthentication.require(actor(60), { currentPassword })).toMatchObject({ id: user.id });
    expect(await reauthentication.require(actor(60, 'aal2'), { currentPassword, acr: 'aal2' })).toMatchObject({ id: user.id });
    await expect(reauthentication.require(actor(0), { currentPassword, acr: 'aal2' })).rejects.toEqual(requirement(['aal2', 'phr']));
  });

  test('throws invalid_token for a user who is gone or disabled', async () => {
    const { admin, reauthentication } = auth.services;
    const other = await auth.createUser();
    const proof = { currentPassword: other.password };
    await admin.change(other.id, { disabled: true }, OPERATOR);
    for (const id of [other.id, 999_999])
      await expect(reauthentication.require(actorOf(id), proof)).rejects.toMatchObject({ code: 'invalid_token' });
  });
});

describe('the answer to reauthentication_required', () => {
  test.each([
    ['without a required acr', undefined, undefined],
    ['with every accepted acr in the header and the body', 'aal2' as const, 'aal2 phr'],
  ])('is 401 with the challenge of RFC 9470, %s', async (_what, acr, shown) => {
    const logger = createLogger({ level: 'silent', readable: false });
    const app = express().disable('x-powered-by');
    app.use(requestContext(logger));
    app.get('/', (_req, res) => {
      res.vary('Origin');
      const refusal: AppError = auth.services.reauthentication.required(acr);
      throw refusal;
    });
    app.use(errorHandler({ logger, databaseFault: () => undefined }));
    expectReauthentication(await supertest(app).get('/'), 300, shown);
  });
});
