import type { RecoveryCodesAfter } from '../account/credential-revocation.js';
import { browserName, shownIp, unlinkable } from './foreign-text.js';
import { asHtml, asText, type Block, type Letter } from './letter.js';
import type { Mail, MailPurpose, PasswordSetBy } from './mail.js';

/** What a mail says, and the link and token in it, where there is one. */
export interface MailContent {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly link: string | null;
  readonly token: string | null;
}

/** What mails call the app, and where it is: settings alone, as a request's Host is whatever its sender wants (ASVS 14.2). */
export interface LetterSettings {
  readonly appName: string;
  readonly appUrl: string;
}

type Tokened = Extract<Mail, { token: string }>;
type Notification = Exclude<Mail, Tokened>;
type Words = Pick<Letter, 'subject' | 'blocks'>;

/** The pages of the app that take a token. */
const TOKEN_PAGES = {
  email_verification: '/verify-email',
  email_rejection: '/reject-email',
  password_reset: '/reset-password',
  invitation: '/accept-invitation',
} as const;

/** The link to a page of the app with a token. It is in the fragment, which browsers send to no server: no log has it. */
export const linkTo = (purpose: keyof typeof TOKEN_PAGES, token: string, appUrl: string): string =>
  `${appUrl}${TOKEN_PAGES[purpose]}#token=${encodeURIComponent(token)}`;

/** Puts a mail into words. Pure. */
export function writeMail(mail: Mail, settings: LetterSettings): MailContent {
  const link = 'token' in mail ? linkTo(mail.purpose, mail.token, settings.appUrl) : null;
  const words = 'token' in mail ? withToken(mail, link ?? '', settings) : notice(mail, settings);
  const letter: Letter = { ...words, ...settings };
  return {
    subject: words.subject,
    text: asText(letter),
    html: asHtml(letter),
    link,
    token: 'token' in mail ? mail.token : null,
  };
}

function withToken(mail: Tokened, url: string, { appName, appUrl }: LetterSettings): Words {
  const until = `The link works once, for ${durationOf(mail.minutes)} after this mail was sent.`;
  switch (mail.purpose) {
    case 'email_verification':
      return {
        subject: `Confirm your e-mail address for ${appName}`,
        blocks: [
          `Please confirm that this e-mail address is yours. Open this link:`,
          { url, label: 'Confirm my e-mail address' },
          until,
          `If you gave this address to no account at ${appName}, this was not you. Open this link, and the account no longer has your address:`,
          { url: linkTo('email_rejection', mail.rejection.token, appUrl), label: 'This was not me', minor: true },
        ],
      };
    case 'password_reset':
      return {
        subject: `Reset your ${appName} password`,
        blocks: [
          'Somebody asked to reset the password of your account. If it was you, open this link and choose a new one:',
          { url, label: 'Choose a new password' },
          until,
          'With the new password you have to log in again everywhere.',
          'If it was not you, please ignore this mail: your password stays as it is.',
        ],
      };
    case 'invitation':
      return {
        subject: `Your ${appName} account is ready`,
        blocks: [
          `An account at ${appName} was made for you. Open this link and choose a password:`,
          { url, label: 'Choose a password' },
          until,
          ...named([['Your username', mail.username]]),
          'If you did not expect this, please ignore this mail.',
        ],
      };
  }
}

/** Names of accounts, with a word about the brackets where there are some. */
function named(names: readonly (readonly [string, string])[]): Block[] {
  const facts = names.map(([fact, name]) => [fact, unlinkable(name)] as const);
  const isBracketed = facts.some(([, shown], index) => shown !== names[index]?.[1]);
  return [{ facts }, ...(isBracketed ? ['The brackets keep mail programs from making a link of the name; they are no part of it.'] : [])];
}

const notice = (mail: Notification, settings: LetterSettings): Words => ({
  subject: SUBJECTS[mail.purpose](settings.appName),
  blocks: [...happened(mail, settings), { facts: factsOf(mail) }, ...advice(mail, settings)],
});

const SUBJECTS: Readonly<Record<Exclude<MailPurpose, Tokened['purpose']>, (appName: string) => string>> = {
  email_claimed: (appName) => `Somebody gave your e-mail address at ${appName}`,
  new_device: (appName) => `New log-in to your ${appName} account`,
  password_changed: (appName) => `Your ${appName} password was changed`,
  email_changed: (appName) => `The e-mail address of your ${appName} account was changed`,
  email_pending: (appName) => `A new e-mail address was given for your ${appName} account`,
  email_verified: (appName) => `Your e-mail address was confirmed for ${appName}`,
  username_changed: (appName) => `Your ${appName} username was changed`,
  recovery_codes_created: (appName) => `New recovery codes for your ${appName} account`,
  recovery_codes_deleted: (appName) => `The recovery codes of your ${appName} account were deleted`,
  account_deleted: (appName) => `Your ${appName} account was deleted`,
};

/** What happened. */
function happened(mail: Notification, { appName }: LetterSettings): Block[] {
  switch (mail.purpose) {
    case 'email_claimed':
      return [
        `Somebody gave this e-mail address for another account at ${appName}. It stays yours, and nothing was changed in your account.`,
      ];
    case 'new_device':
      return [`Somebody logged in to your ${appName} account from a device that was not used with it before.`];
    case 'password_changed':
      return [`The password of your ${appName} account was ${PASSWORD_SET[mail.how]}.`, ...codesAfter(mail.codes)];
    case 'email_changed':
      return [`This is no longer the e-mail address of your ${appName} account. Mails about the account no longer come here.`];
    case 'email_pending':
      return [`A new e-mail address was given for your ${appName} account. This address stays in force until the new one is confirmed.`];
    case 'email_verified':
      return [
        `This e-mail address was confirmed for an account at ${appName}, in a browser that was not logged in to it. Every log-in of the account has ended.`,
        ...codesAfter(mail.codes),
      ];
    case 'username_changed':
      return [
        `The username of your ${appName} account was changed.`,
        ...named([
          ['Former username', mail.username],
          ['New username', mail.newUsername],
        ]),
      ];
    case 'recovery_codes_created':
      return [`New recovery codes were made for your ${appName} account. The former codes no longer work.`];
    case 'recovery_codes_deleted':
      return [`The recovery codes of your ${appName} account were deleted. None of them works any more.`];
    case 'account_deleted':
      return [`Your ${appName} account was deleted, with every log-in of it.`];
  }
}

const PASSWORD_SET: Readonly<Record<PasswordSetBy, string>> = {
  current_password: 'changed',
  password_reset: 'reset by a link',
  invitation: 'set by an invitation',
  recovery_code: 'reset by a recovery code',
};

/** What a change of credentials did to the recovery codes; nothing where there were none. */
function codesAfter({ revoked, remaining }: RecoveryCodesAfter): string[] {
  if (revoked > 0) return [`The recovery codes of the account no longer work: ${revoked}. Make new ones if you use them.`];
  return remaining > 0 ? [`Recovery codes that remain valid: ${remaining}.`] : [];
}

/** What the reader can do about it. */
function advice({ purpose }: Notification, { appName, appUrl }: LetterSettings): Block[] {
  const there: Block = { url: appUrl, label: `Go to ${appName}` };
  const operator = `please write to those who run ${appName}`;
  switch (purpose) {
    case 'email_claimed':
      return ['If it was you: you have an account already. Log in to it with this e-mail address, or reset its password:', there];
    case 'account_deleted':
      return [`If it was not you, ${operator} as soon as you can.`];
    case 'email_changed':
      return [
        'If it was you, there is nothing to do. If not, log in and change your password and the address now:',
        there,
        `If you can no longer log in, ${operator}.`,
      ];
    case 'email_pending':
      return [
        'If it was you, there is nothing to do. If not, change your password now; that also removes the new address:',
        there,
        `If you can no longer log in, ${operator}.`,
      ];
    case 'email_verified':
      return ['If you did not choose the password of this account yourself, somebody else knows it. Reset it now:', there];
    case 'password_changed':
      return ['If it was you, there is nothing to do. If not, reset your password now:', there, `If that does not work, ${operator}.`];
    default:
      return ['If it was you, there is nothing to do. If not, change your password now, and end the sessions that you do not know:', there];
  }
}

/** When and from where. A notice to the reader of another account does not say with which browser. */
function factsOf({ purpose, at, client }: Notification): [string, string][] {
  const { ip, userAgent } = client;
  const address = ip === null ? undefined : shownIp(ip);
  return [
    ['When', timeOf(at)],
    ...(address === undefined ? [] : [['IP address', address] satisfies [string, string]]),
    ...(userAgent === null || purpose === 'email_claimed' ? [] : [['Browser', browserName(userAgent)] satisfies [string, string]]),
  ];
}

/** A life of a token in words: `10 minutes`, `24 hours`, `3 days`. */
function durationOf(minutes: number): string {
  const [count, unit] = minutes >= 2 * DAY_MINUTES && minutes % DAY_MINUTES === 0 ? [minutes / DAY_MINUTES, 'day'] : inHours(minutes);
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
const inHours = (minutes: number): [number, string] => (minutes % 60 === 0 ? [minutes / 60, 'hour'] : [minutes, 'minute']);
const DAY_MINUTES = 24 * 60;

const DAYS = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' });
const timeOf = (time: Date): string => `${DAYS.format(time)}, ${time.toISOString().slice(11, 16)} UTC`;
