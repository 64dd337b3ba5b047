import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Test } from 'supertest';
import { MailError } from '../../src/errors/mail-error.js';
import { createTestMailer, type TestMailer } from '../support/outbox.js';
import { eventually } from '../support/service-process.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const ADA = 'ada@example.com';
const NEW = 'a passphrase of my own';

let auth: TestApp;
let mailer: TestMailer;
let isAway = false;
beforeEach(async () => {
  mailer = createTestMailer();
  mailer.onSend = () => {
    if (isAway) throw new MailError('ESOCKET ECONNREFUSED', { permanent: false });
  };
  auth = await createTestApp({}, { mailer });
});
afterEach(() => auth.close());

const post = (path: string, body: object, token?: string): Test =>
  auth
    .http()
    .post(path)
    .set(token === undefined ? {} : { Authorization: `Bearer ${token}` })
    .send(body);
const forgot = () => post('/password/forgot', { identifier: 'ada' }).expect(202);
const reset = (token: string) => post('/password/reset', { token, new_password: NEW });
/** The tokens in the mails that the server has accepted, oldest first: of the links to one page. */
const tokensFor = (page: string): string[] =>
  mailer.sent.flatMap(({ text }) => new RegExp(`/${page}#token=([\\w-]+)`).exec(text)?.[1] ?? []);
/** Makes the mail server unavailable for a while, with the delivery attempts of that time. */
async function away(seconds: number, meanwhile: () => Promise<unknown>): Promise<void> {
  isAway = true;
  await meanwhile();
  await auth.services.outbox.deliver();
  auth.clock.advance(seconds);
  isAway = false;
}
/** Delivers what is due, and waits for the token of one page. */
async function arrives(page: string): Promise<string> {
  await eventually(async () => {
    await auth.services.outbox.deliver();
    return tokensFor(page).length > 0;
  });
  return tokensFor(page).at(-1) ?? '';
}
const verified = () => auth.createUser({ username: 'ada', email: ADA, emailVerified: true });

describe('a mail with a token that waits for the mail server', () => {
  it.each([20 * MINUTE, 2 * DAY])('has ten minutes for a reset that is sent after %i s', async (seconds) => {
    await verified();
    await away(seconds, forgot);
    const token = await arrives('reset-password');
    auth.clock.advance(10 * MINUTE - 1);
    await reset(token).expect(204);
    expect((await reset(token)).body).toMatchObject({ code: 'token_invalid_or_expired' });
  });

  it('is worthless ten minutes after a reset was sent', async () => {
    await verified();
    await away(20 * MINUTE, forgot);
    const token = await arrives('reset-password');
    auth.clock.advance(10 * MINUTE);
    expect((await reset(token)).body).toMatchObject({ code: 'token_invalid_or_expired' });
  });

  it('is the newest of four resets, and the others are never sent', async () => {
    await verified();
    await away(11 * MINUTE, async () => {
      for (let count = 0; count < 4; count += 1) {
        await forgot();
        auth.clock.advance(1);
      }
    });
    await reset(await arrives('reset-password')).expect(204);
    auth.clock.advance(HOUR + HOUR);
    await auth.services.outbox.deliver();
    expect(tokensFor('reset-password')).toHaveLength(1);
    expect(await auth.services.outbox.counts()).toEqual({ waiting: 0, failed: 0 });
  });

  it('has a day for a verification that is sent after two days', async () => {
    await away(2 * DAY, () => auth.createUser({ username: 'ada', email: ADA }));
    const token = await arrives('verify-email');
    auth.clock.advance(DAY - 1);
    await post('/email/verify', { token }).expect(204);
  });

  it('has three days for the “this was not me” link of a verification that is sent after two days', async () => {
    await away(2 * DAY, () => auth.createUser({ username: 'ada', email: ADA }));
    const token = await arrives('reject-email');
    auth.clock.advance(3 * DAY - 1);
    await post('/email/reject', { token }).expect(204);
  });

  it('has three days for an invitation that is sent after two days', async () => {
    const admin = await auth.createUser({ roles: ['user', 'admin'] });
    const token = await auth.token(admin);
    await away(2 * DAY, () => post('/admin/users', { username: 'ada', email: ADA }, token).expect(201));
    const invitation = await arrives('accept-invitation');
    auth.clock.advance(3 * DAY - 1);
    await reset(invitation).expect(204);
  });

  it('is dropped where the password was changed or the address was replaced meanwhile', async () => {
    const user = await verified();
    await away(MINUTE, async () => {
      await forgot();
      const change = { current_password: user.password, new_password: NEW };
      await auth
        .http()
        .put('/users/me/password')
        .set('Authorization', `Bearer ${await auth.token(user)}`)
        .send(change)
        .expect(204);
    });
    await eventually(async () => {
      await auth.services.outbox.deliver();
      return mailer.sent.some(({ subject }) => subject.includes('was changed'));
    });
    expect(tokensFor('reset-password')).toEqual([]);
    expect(await auth.services.outbox.counts()).toEqual({ waiting: 0, failed: 0 });
  });

  it('reaches a server that accepts it five minutes after the first attempt within ten', async () => {
    await verified();
    const start = auth.clock.now();
    mailer.onSend = () => {
      if (auth.clock.now() - start < 300_000) throw new MailError('EENVELOPE 451', { permanent: false });
    };
    await forgot();
    while (tokensFor('reset-password').length === 0 && auth.clock.now() - start < 600_000) {
      await auth.services.outbox.deliver();
      auth.clock.advance(1);
    }
    await reset(tokensFor('reset-password')[0] ?? '').expect(204);
    expect(auth.clock.now() - start).toBeLessThan(600_000);
  });
});

describe('EMAIL_VERIFICATION_HOURS', () => {
  it('is how long a verification is valid, 24 unless it is set', async () => {
    const short = await createTestApp({ EMAIL_VERIFICATION_HOURS: 2 });
    for (const [app, seconds] of [
      [auth, DAY],
      [short, 2 * HOUR],
    ] as const) {
      await app.createUser({ username: 'ada', email: ADA });
      const [mail] = await app.mails(ADA);
      app.clock.advance(seconds - 1);
      expect(await app.services.users.isGoodVerification(mail?.token ?? '')).toBe(true);
      app.clock.advance(1);
      expect(await app.services.users.isGoodVerification(mail?.token ?? '')).toBe(false);
    }
    await short.close();
  });
});
