import type { MailPurpose } from '../../src/services/outbox/mail.js';
import type { TestApp } from './test-app.js';

/** The token of the newest mail of that kind to an address. */
export async function mailedToken(auth: Pick<TestApp, 'mails'>, email: string, purpose: MailPurpose): Promise<string> {
  const mail = (await auth.mails(email)).find((one) => one.purpose === purpose);
  if (typeof mail?.token !== 'string') throw new TypeError(`there is no mail of ${purpose} to ${email}`);
  return mail.token;
}

/** What mails went to an address, newest first. */
export const purposesTo = async (auth: Pick<TestApp, 'mails'>, email: string): Promise<string[]> =>
  (await auth.mails(email)).map(({ purpose }) => purpose);
