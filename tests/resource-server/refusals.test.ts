import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createVerifier, requireAuth, type VerifierSettings } from '../../src/index.js';
import { OPERATOR } from '../../src/lib/actor.js';
import { createLiveAuth, type LiveAuth } from '../support/live-auth.js';
import { createResourceServer } from '../support/resource-server.js';
import { encode, type Specimen, specimenOf, withClaims, withHeader } from '../support/tokens.js';

const seconds = (): number => Math.floor(Date.now() / 1000);

describe('createVerifier', () => {
  let auth: LiveAuth;
  let settings: VerifierSettings;
  let keySetAlone: VerifierSettings;
  let good: Specimen;
  beforeAll(async () => {
    auth = await createLiveAuth();
    settings = { issuer: auth.issuer, secretKey: auth.secretKey };
    keySetAlone = { issuer: auth.issuer };
    good = specimenOf(await auth.newToken(), auth.secretKey);
  });
  afterAll(() => auth.close());

  /** The reasons that a verifier reports for a token, which it must refuse. */
  async function reasonsFor(token: string, used = settings): Promise<string[]> {
    const reasons: string[] = [];
    const verifier = createVerifier({ ...used, onRefused: (reason) => reasons.push(reason.message) });
    const error: unknown = await verifier.verify(token).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'invalid_token', cause: { message: reasons[0] } });
    return reasons;
  }

  it.each<[string, RegExp, (one: Specimen) => string]>([
    ['text that is no JWT', /no JWT/, () => 'nonsense'],
    ['a token of another type', /"typ"/, (one) => withHeader(one, { typ: 'JWT' })],
    [
      'another signature',
      /signature.*secretKey.*SECRET_KEY/s,
      (one) => withClaims({ ...one, secret: randomBytes(64).toString('hex') }, {}),
    ],
    ['another algorithm', /ES256.*leave secretKey out/s, (one) => withHeader(one, { alg: 'ES256' })],
    [
      'another issuer',
      /issuer is "https:\/\/other\.example", and issuer here is "http/,
      (one) => withClaims(one, { iss: 'https://other.example' }),
    ],
    ['an issuer with a trailing slash', /slash/, (one) => withClaims(one, { iss: `${String(one.claims['iss'])}/` })],
    ['another audience', /audience is "shop", and audience here is "lingomate"/, (one) => withClaims(one, { aud: 'shop' })],
    ['an issue time in the future', /future.*clock/s, (one) => withClaims(one, { iat: seconds() + 30 })],
    ['a token that is not valid yet', /"nbf".*clock/s, (one) => withClaims(one, { nbf: seconds() + 30 })],
    ['an expired token', /expired/, (one) => withClaims(one, { exp: seconds() - 1 })],
    ['a claim of the wrong type', /claim/, (one) => withClaims(one, { sid: 1 })],
  ])('reports the reason and throws it as the cause for %s', async (_what, reason, make) => {
    expect(await reasonsFor(make(good))).toEqual([expect.stringMatching(reason)]);
  });

  it('reports that a default service signs with a shared secret where only the key set was configured', async () => {
    const [reason] = await reasonsFor(good.token, keySetAlone);
    expect(reason).toMatch(/HS256.*secretKey.*ALGORITHM=ES256/s);
  });

  it('reports an empty key set, and a key that the set lacks', async () => {
    const forged = [encode({ alg: 'ES256', typ: 'at+jwt', kid: 'a' }), encode(good.claims), encode('x'.repeat(64))].join('.');
    expect(await reasonsFor(forged, keySetAlone)).toEqual([expect.stringMatching(/key set at http.*jwks\.json is empty/)]);
    const other = await createLiveAuth({ ALGORITHM: 'ES256' });
    expect(await reasonsFor(forged, { issuer: other.issuer })).toEqual([expect.stringMatching(/has no key/)]);
    await other.close();
  });

  it('reports a session that has ended', async () => {
    const user = await auth.createUser();
    const session = await auth.session(user);
    await auth.services.sessions.end(user.id, session.id, { reason: 'log_out', by: OPERATOR });
    const [reason] = await reasonsFor(session.accessToken, { ...settings, serviceKey: await auth.serviceKey() });
    expect(reason).toMatch(/session has ended/);
  });

  it('repeats neither a token nor what a forger wrote into its header', async () => {
    const forged = withHeader(good, { alg: 'x\nforged line', kid: 'y\nforged line' });
    for (const reason of await reasonsFor(forged)) expect(reason).not.toMatch(/forged|eyJ/);
  });

  it('accepts tokens issued up to leewaySeconds in the future, and no later ones', async () => {
    const ahead = withClaims(good, { iat: seconds() + 25 });
    expect(await createVerifier({ ...settings, leewaySeconds: 30 }).verify(ahead)).toMatchObject({ sub: good.claims['sub'] });
    await reasonsFor(ahead);
    await reasonsFor(withClaims(good, { iat: seconds() + 2 }), { ...settings, leewaySeconds: 0 });
  });

  it.each([-1, 61, Number.NaN, Infinity])('throws a TypeError that names the bounds for leewaySeconds %p', (leewaySeconds) => {
    expect(() => createVerifier({ ...settings, leewaySeconds })).toThrow(new TypeError('leewaySeconds must be a number from 0 to 60'));
  });

  it('throws a TypeError that says to leave secretKey out for an algorithm with a key pair', () => {
    expect(() => createVerifier({ algorithm: 'ES256', secretKey: 'x'.repeat(64) })).toThrow(
      new TypeError('ES256 is verified with the key set of the service: leave secretKey out'),
    );
    expect(() => createVerifier({ algorithm: 'HS256' })).toThrow(new TypeError('HS256 needs secretKey: SECRET_KEY of the service'));
  });

  it('reports through requireAuth too, with its own verifier and with a shared one, once each', async () => {
    for (const share of [true, false]) {
      const reasons: Error[] = [];
      const onRefused = (reason: Error): number => reasons.push(reason);
      const own = { ...settings, audience: 'shop' };
      const server = createResourceServer(share ? { verifier: createVerifier(own), onRefused } : { ...own, onRefused });
      expect(await server.status(good.token)).toBe(401);
      expect(reasons).toEqual([expect.objectContaining({ message: expect.stringMatching(/audience/) })]);
    }
    expect(() => requireAuth({ ...settings, leewaySeconds: 61 })).toThrow(TypeError);
  });
});
