import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { member, text } from '../support/answers.js';
import { type DeliveredMail, type MailServer, startMailServer } from '../support/mail-server.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

// A person's way from a registration over a verified address and a lost password to an invitation, by what mails say alone.

const APP = 'https://app.example.com';
const OWN = 'ada@example.com';
const INVITED = 'grace@example.com';
/** Longer than any mail waits for its second try. */
const A_WHILE_SECONDS = 60;

let open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.reverse()) await close();
  open = [];
});

async function openApp(settings: Readonly<Record<string, string>> = {}): Promise<TestApp> {
  const auth = await createTestApp({ APP_URL: APP, APP_NAME: 'Example', MAIL_FROM: 'Example <no-reply@example.com>', ...settings });
  open.push(() => auth.close());
  return auth;
}

/** What lies in the mailbox of an address: the newest mail whose subject says so, as text. */
type ReadMail = (to: string, subject: string) => Promise<string>;

const tokenIn = (mail: string, page: string): string => {
  const [, token] = new RegExp(`${APP}/${page}#token=([\\w-]+)`).exec(mail) ?? [];
  if (token === undefined) throw new TypeError(`no link to ${page} in: ${mail}`);
  return token;
};

async function walk(auth: TestApp, readMail: ReadMail): Promise<void> {
  const post = (path: string, body: object, token?: string) =>
    auth
      .http()
      .post(path)
      .set(token === undefined ? {} : { Authorization: `Bearer ${token}` })
      // Whoever asks does not say where a link leads.
      .set({ Host: 'evil.example', 'X-Forwarded-Host': 'evil.example', Origin: 'https://evil.example' })
      .send(body);
  const logIn = async (username: string, password: string): Promise<string> =>
    text((await post('/token', { username, password }).expect(200)).body, 'access_token');

  await post('/register', { username: 'ada', password: 'the first passphrase', email: OWN }).expect(201);
  await post('/email/verify', { token: tokenIn(await readMail(OWN, 'address'), 'verify-email') }).expect(204);
  await logIn(OWN, 'the first passphrase');

  await post('/password/forgot', { identifier: OWN }).expect(202);
  const token = tokenIn(await readMail(OWN, 'Reset'), 'reset-password');
  await post('/password/reset', { token, new_password: 'the second passphrase' }).expect(204);
  expect(await readMail(OWN, 'was changed')).toContain('reset by a link');
  await logIn('ada', 'the second passphrase');

  const admin = await auth.token(await auth.createUser({ roles: ['user', 'admin'] }));
  await post('/admin/users', { username: 'grace', email: INVITED }, admin).expect(201);
  const invitation = tokenIn(await readMail(INVITED, 'is ready'), 'accept-invitation');
  await post('/password/reset', { token: invitation, new_password: 'a passphrase of my own' }).expect(204);
  await logIn(INVITED, 'a passphrase of my own');
}

test('the whole way works with no mail server', async () => {
  const auth = await openApp();
  await walk(auth, async (to, subject) => {
    const body: unknown = (
      await auth
        .http()
        .get(`/dev/mailbox?to=${encodeURIComponent(to)}`)
        .expect(200)
    ).body;
    const data = member(body, 'data');
    const mail: unknown = Array.isArray(data) ? data.find((one: unknown) => text(one, 'subject').includes(subject)) : undefined;
    return text(mail, 'text');
  });
});

/** What goes wrong with the server while a mail is on its way, and how that ends. */
const MOODS: [string, (server: MailServer, deliver: () => Promise<void>) => Promise<void>][] = [
  ['always there', (_server, deliver) => deliver()],
  [
    'stopped, and back later',
    async (server, deliver) => {
      await server.stop();
      await deliver();
      await server.start();
    },
  ],
  [
    'slow',
    async (server, deliver) => {
      server.onMail = async () => {
        await sleep(200);
        return undefined;
      };
      await deliver();
    },
  ],
  [
    'refusing for now',
    async (server, deliver) => {
      server.onMail = () => 451;
      await deliver();
      server.onMail = () => undefined;
    },
  ],
];

test.each(MOODS)('the whole way works with a mail server that is %s, and each mail arrives once', async (_what, trouble) => {
  const server = await startMailServer();
  open.push(() => server.stop());
  const auth = await openApp({ SMTP_URL: server.url });
  /** Has mails sent that wait, until it is as it should be: what the service's own job is sending just then comes a moment later. */
  const deliverUntil = async (isSo: () => boolean | Promise<boolean>): Promise<void> => {
    for (let tries = 0; tries < 100 && !(await isSo()); tries += 1) {
      if (tries % 20 === 0) auth.clock.advance(A_WHILE_SECONDS);
      await auth.services.outbox.deliver();
      await sleep(20);
    }
  };
  const arrived = (to: string, subject: string): DeliveredMail[] =>
    server.mails.filter((mail) => mail.to.includes(to) && (mail.headers['subject'] ?? '').includes(subject));
  await walk(auth, async (to, subject) => {
    await trouble(server, () => auth.services.outbox.deliver());
    await deliverUntil(() => arrived(to, subject).length > 0);
    return arrived(to, subject).at(-1)?.text ?? '';
  });
  await deliverUntil(async () => (await auth.mails()).length === server.mails.length);
  const all = (await auth.mails()).map(({ to, subject }) => `${to}: ${subject}`);
  expect(server.mails.map(({ to, headers }) => `${to.join()}: ${headers['subject'] ?? ''}`).sort()).toEqual(all.sort());
  expect(new Set(server.mails.map(({ headers }) => headers['message-id'])).size).toBe(server.mails.length);
});
