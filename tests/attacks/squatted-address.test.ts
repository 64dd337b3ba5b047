import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Response } from 'supertest';
import type { TestUser } from '../../src/testing.js';
import { expectProblem, member } from '../support/answers.js';
import { mailedToken, purposesTo } from '../support/mailed.js';
import { createTestApp, type TestApp } from '../support/test-app.js';
import { deviceCookieOf, logInsAt, times } from '../support/throttling.js';

// An attacker registers another person's e-mail address as a username: to learn whether it is in use, to keep its owner from it
// or to guess its owner's password past the limits.

const STRANGER = '198.51.100.7';
const HOME = '203.0.113.9';
const MINUTE = 60;
const TAKEN = 'victim@example.com';
const FREE = 'nobody@example.com';
const VICTIMS = 'the passphrase of the victim';
const MALLORYS = 'the passphrase of the attacker';

let auth: TestApp;
let calls: ReturnType<typeof logInsAt>;
let victim: TestUser;
let mallory: TestUser;
beforeEach(async () => {
  auth = await createTestApp({ RATE_LIMIT: 'on', TRUST_PROXY: '1' });
  calls = logInsAt(auth);
  victim = await auth.createUser({ username: 'victim', password: VICTIMS, email: TAKEN, emailVerified: true });
  mallory = await auth.createUser({ username: TAKEN, password: MALLORYS });
  await auth.createUser({ username: FREE, password: MALLORYS });
});
afterEach(() => auth.close());

const post = (path: string, from: string, body: object) => auth.http().post(path).set('X-Forwarded-For', from).send(body);
const idIn = (response: Response): unknown => member(response.body, 'user', 'id');
/** What a response shows, but for what differs in every response. */
const shown = ({ status, headers, text }: Response): unknown => [
  status,
  Object.entries(headers).filter(([name]) => !['date', 'x-request-id', 'etag'].includes(name)),
  text.replace(/"request_id":"[^"]+"/, ''),
];

describe('a username that is an address', () => {
  it('gets the same responses, to the byte, whether the address is verified by another account or by none', async () => {
    const all: Record<string, unknown[]> = { [TAKEN]: [], [FREE]: [] };
    for (const [username, responses] of Object.entries(all)) {
      const from = username === TAKEN ? HOME : STRANGER;
      for (let made = 0; made < 12; made += 1) responses.push(shown(await calls.logIn({ username, from })));
      auth.clock.advance(MINUTE);
      responses.push(shown(await calls.logIn({ username, from })));
      responses.push(shown(await calls.logIn({ username, from })));
      responses.push(shown(await post('/password/forgot', from, { identifier: username })));
      const reset = { username, recovery_code: 'AAAAAAA-AAAAAAA-AAAAAAA-AAAAAAA', new_password: 'a passphrase that is new' };
      responses.push(shown(await post('/password/reset', from, reset)));
    }
    expect(all[TAKEN]).toEqual(all[FREE]);
    expect(JSON.stringify(all[TAKEN])).toContain('429');
  });

  it('keeps its quota of resets apart from whether the address is verified', async () => {
    const own = 'mallory@example.org';
    const accounts = [TAKEN, FREE].map((username) => ({ username, email: `${username.slice(0, 6)}-${own}` }));
    for (const { username, email } of accounts) {
      const token = await auth.token({ id: 0, username, password: MALLORYS });
      const change = { email, current_password: MALLORYS };
      await auth.http().patch('/users/me').set('Authorization', `Bearer ${token}`).send(change).expect(200);
      await auth
        .http()
        .post('/email/verify')
        .send({ token: await mailedToken(auth, email, 'email_verification') })
        .expect(204);
      for (let asked = 0; asked < 5; asked += 1) await auth.http().post('/password/forgot').send({ identifier: email }).expect(202);
    }
    const statuses: number[] = [];
    for (const { username } of accounts) statuses.push((await auth.http().post('/password/forgot').send({ identifier: username })).status);
    expect(statuses).toEqual([429, 429]);
    expect(await purposesTo(auth, TAKEN)).not.toContain('password_reset');
  });

  it('gives no guesses beyond those at the victim’s own username', async () => {
    expect(await calls.inARow(10, { username: TAKEN, from: STRANGER })).toEqual(times(10, 401));
    for (const username of ['victim', TAKEN]) {
      expectProblem(await calls.logIn({ username, password: VICTIMS, from: STRANGER }), 429, 'rate_limited', { oauth: 'invalid_request' });
    }
  });

  it('gives no further guesses for log-ins as the attacker between them, on a device that the attacker is known on', async () => {
    const cookie = deviceCookieOf(await calls.logIn({ username: TAKEN, password: MALLORYS, from: STRANGER }));
    for (let made = 0; made < 12; made += 1) {
      await calls.logIn({ username: TAKEN, from: STRANGER, cookie });
      expect(idIn(await calls.logIn({ username: TAKEN, password: MALLORYS, from: STRANGER, cookie }))).toBe(mallory.id);
    }
    // The victim's password is not looked at any more; the attacker's own is.
    expect((await calls.logIn({ username: TAKEN, password: VICTIMS, from: STRANGER, cookie })).status).toBe(401);
    expect((await calls.logIn({ username: 'victim', password: VICTIMS, from: STRANGER })).status).toBe(429);
  });

  it('does not keep the victim out of a device that is known, nor does a right log-in count as a failure at the other account', async () => {
    const cookie = deviceCookieOf(await calls.logIn({ username: TAKEN, password: VICTIMS, from: HOME }));
    for (let made = 0; made < 12; made += 1) {
      expect((await calls.logIn({ username: TAKEN, password: MALLORYS, from: STRANGER })).status).toBe(200);
    }
    expect(idIn(await calls.logIn({ username: 'victim', password: VICTIMS, from: HOME }))).toBe(victim.id);
    expect(await calls.inARow(10, { username: TAKEN, from: STRANGER })).toEqual(times(10, 401));
    expect(idIn(await calls.logIn({ username: TAKEN, password: VICTIMS, from: HOME, cookie }))).toBe(victim.id);
  });
});
