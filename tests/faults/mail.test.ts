import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createSmtpMailer } from '../../src/adapters/mailer.js';
import { startMailServer, type MailServer } from '../support/mail-server.js';
import { openOutbox, resetMail } from '../support/outbox.js';
import { openTarget } from '../support/test-database.js';
let server: MailServer;
beforeAll(async () => { server = await startMailServer(); });
afterAll(async () => { await server.stop(); });
test('x', async () => {
  const target = await openTarget('a SQLite file');
  const outbox = await openOutbox(target, { mailer: createSmtpMailer({ smtpUrl: server.url, from: 'Lingomäte <no-reply@example.com>' }) });
  await outbox.postNow(resetMail('ädá'), 'ada@example.com');
  await outbox.deliver();
  console.log(server.mails[0]?.rawHeaders, server.mails[0]?.headers, server.mails[0]?.text, server.mails[0]?.html, outbox.log);
  expect(server.mails).toHaveLength(1);
  await outbox.close();
  await target.drop();
});
