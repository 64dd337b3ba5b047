import type { Config } from '../../../config/index.js';
import { probeSmtp } from '../../adapters/mailer.js';
import type { Services } from '../../container.js';
import { MailError } from '../../errors/mail-error.js';
import { fail, type Finding, ok, warn } from './finding.js';

/** Whether the mail server answers, offers the TLS that is asked for, and takes our password; no mail is sent. */
export async function checkMailServer({ environment, mail: { smtpUrl, from } }: Config): Promise<Finding> {
  if (smtpUrl === undefined) {
    return environment === 'production'
      ? warn('mail', 'SMTP_URL is not set in production: nobody can verify an address or reset a password by mail. Set it')
      : ok('mail', 'SMTP_URL is not set: mails wait, and /dev/mailbox shows them');
  }
  const { host } = new URL(smtpUrl);
  try {
    await probeSmtp({ smtpUrl, from });
    return ok('mail', `${host} takes mails`);
  } catch (error) {
    if (!(error instanceof MailError)) throw error;
    return fail('mail', `${host} takes no mails (${error.message}). ${remedyFor(error.message)}`);
  }
}

/** By the names that nodemailer, Node.js and OpenSSL have for it. */
const TLS_FAULT = /ETLS|ERR_TLS|CERT|UNABLE_TO/;

/** A reply of the server at the end of the reason (RFC 5321 §4.2): it runs, and refuses. */
const REPLY = / [45]\d\d$/;

function remedyFor(reason: string): string {
  if (reason.startsWith('EAUTH')) return 'Mend the user and password in SMTP_URL';
  if (TLS_FAULT.test(reason))
    return 'It needs TLS with a certificate that is trusted here; a server that has none needs ?tls=none in SMTP_URL';
  if (REPLY.test(reason))
    return "It runs and refuses this client or its greeting (EHLO): its log says why. Let it accept this machine's IP address, or set another SMTP_URL";
  return 'Start it, or name another in SMTP_URL';
}

/** How many mails wait, and how many were given up of late. */
export async function checkOutbox({ outbox }: Services): Promise<Finding> {
  const { waiting, failed } = await outbox.counts();
  const told = `${waiting} mails wait, ${failed} were given up in the last days`;
  return failed === 0 ? ok('outbox', told) : warn('outbox', `${told}. The log names each of them`);
}
