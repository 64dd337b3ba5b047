import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import nodemailer from 'nodemailer';
import { MailError } from '../errors/mail-error.js';
import { errorCode } from '../lib/error-code.js';
import { isLoopbackName } from '../lib/loopback.js';
import type { Mailbox } from '../lib/mailbox.js';

/** A mail as it leaves the house. */
export interface OutgoingMail {
  /** The same each time that it is sent. */
  readonly id: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** Hands mails to a mail server. */
export interface Mailer {
  /** Resolves when the server has taken the mail on itself. Throws MailError. */
  send(mail: OutgoingMail): Promise<void>;
  /** Ends its connections; what is being sent fails. */
  close(): void;
}

const CONNECTIONS = 5;
const CONNECT_MS = 10_000;
/** RFC 5321 §4.5.3.2.6: who goes sooner has a slow server deliver the mail, and sends it again. */
const ANSWER_MS = 10 * 60_000;

/**
 * One address: nodemailer would read anything else as a list of several. Wider than the grammar of new addresses (`isEmailAddress`), so
 * that accounts from before it still get their mail.
 */
const ONE_ADDRESS = /^[^\s\p{C}<>()[\]\\,;:"@]+@[^\s\p{C}<>()[\]\\,;:"@]+$/u;

/** The mail server, and the sender of every mail. */
interface Account {
  readonly smtpUrl: string;
  readonly from: Mailbox;
}

const domainOf = ({ address }: Mailbox): string => address.slice(address.lastIndexOf('@') + 1);

/**
 * Mails over SMTP; connects with the first. `smtp:` needs STARTTLS unless the host is this machine or `?tls=none` is said,
 * `smtps:` is TLS from the start, and a server's certificate is always verified (ASVS 12.3.2).
 */
export function createSmtpMailer({ smtpUrl, from }: Account): Mailer {
  const domain = domainOf(from);
  // The pool itself must send nothing anew: when, and that it is the same mail, is for the outbox to say.
  const transport = nodemailer.createTransport({
    ...connectionOf({ smtpUrl, from }),
    pool: true,
    maxConnections: CONNECTIONS,
    maxRequeues: 0,
  });
  return {
    send: async ({ id, to, subject, text, html }) => {
      if (!ONE_ADDRESS.test(to)) throw new MailError('not an address', { permanent: true });
      const mail = {
        messageId: `<${id}@${domain}>`,
        // A copy: nodemailer normalises the object in place.
        from: { ...from },
        to: { name: '', address: to },
        envelope: { from: from.address, to: [to] },
        subject,
        text,
        html,
        textEncoding: 'quoted-printable' as const,
        // Nobody's out-of-office note is to answer it (RFC 3834 §5).
        headers: { 'Auto-Submitted': 'auto-generated' },
        xMailer: false as const,
        disableFileAccess: true,
        disableUrlAccess: true,
      };
      await transport.sendMail(mail).catch(fail);
    },
    close: () => {
      transport.close({ force: true });
    },
  };
}

/** Connects and authenticates, and sends nothing. Throws MailError. */
export async function probeSmtp(account: Account): Promise<void> {
  await nodemailer.createTransport(connectionOf(account)).verify().catch(fail);
}

/**
 * Returns the name that EHLO gives (RFC 5321 §4.1.1.1): the domain of MAIL_FROM. A server may refuse the address literal that
 * nodemailer sends from a host whose own name has no dot, as containers have. Undefined leaves the choice to nodemailer.
 */
export function greetingName(from: Mailbox): string | undefined {
  const name = domainToASCII(domainOf(from));
  return name.includes('.') ? name : undefined;
}

function connectionOf({ smtpUrl, from }: Account) {
  const name = greetingName(from);
  const { protocol, hostname, port, username, password, search } = new URL(smtpUrl);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const secure = protocol === 'smtps:';
  const plain = !secure && (search === '?tls=none' || (search === '' && isLoopbackName(host)));
  return {
    ...(name === undefined ? {} : { name }),
    host,
    port: Number(port || (secure ? 465 : 587)),
    secure,
    requireTLS: !secure && !plain,
    ignoreTLS: plain,
    ...(username === '' ? {} : { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }),
    tls: { minVersion: 'TLSv1.2' as const, rejectUnauthorized: true, ...(isIP(host) === 0 ? { servername: host } : {}) },
    dnsTimeout: CONNECT_MS,
    connectionTimeout: CONNECT_MS,
    greetingTimeout: CONNECT_MS,
    socketTimeout: ANSWER_MS,
  };
}

/** Keeps of nodemailer's error its codes alone: its text has the server's answer, and that the address or our password. */
function fail(error: unknown): never {
  const facts = typeof error === 'object' && error !== null ? error : {};
  const response = 'responseCode' in facts ? Number(facts.responseCode) : 0;
  const cause = 'originalCode' in facts ? String(facts.originalCode) : '';
  const reason = [errorCode(error) || 'unknown', cause, response].filter(Boolean).join(' ');
  throw new MailError(reason, { permanent: isRefusal('command' in facts ? facts.command : undefined, response) });
}

/**
 * Whether this recipient or mail is refused, and not whoever sends it: at RCPT or DATA. 503 says that commands came out of
 * order.
 */
const isRefusal = (command: unknown, response: number): boolean =>
  (command === 'RCPT TO' || command === 'DATA') && response >= 500 && response !== 503;
