import { asHtml, asText, type Block, type Letter } from './letter.js';
import type { Mail, MailPurpose } from './mail.js';

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
type Told = Exclude<Mail, Tokened>;
type Words = Pick<Letter, 'subject' | 'blocks'>;

/** The pages of the app that take a token. It is in the fragment, which browsers keep to themselves: no log of a server has it. */
const TOKEN_PAGES: Readonly<Record<Tokened['purpose'], string>> = {
  email_verification: '/verify-email',
  password_reset: '/reset-password',
  invitation: '/accept-invitation',
};

/** Puts a mail into words. Pure. */
export function writeMail(mail: Mail, settings: LetterSettings): MailContent {
  const link = 'token' in mail ? `${settings.appUrl}${TOKEN_PAGES[mail.purpose]}#token=${encodeURIComponent(mail.token)}` : null;
  const words = 'token' in mail ? withToken(mail, link ?? '', settings) : notice(mail, settings);
  const letter: Letter = { ...words, ...settings, name: plain(mail.username) };
  return {
    subject: words.subject,
    text: asText(letter),
    html: asHtml(letter),
    link,
    token: 'token' in mail ? mail.token : null,
  };
}

function withToken(mail: Tokened, address: string, { appName }: LetterSettings): Words {
  const until = `The link works once, until ${timeOf(mail.expiresAt)}.`;
  switch (mail.purpose) {
    case 'email_verification':
      return {
        subject: `Confirm your e-mail address for ${appName}`,
        blocks: [
          `Please confirm that this e-mail address is yours. Open this link:`,
          { address, label: 'Confirm my e-mail address' },
          until,
          `If you have no account at ${appName}, somebody typed your address by mistake. Then please ignore this mail: without the link, nobody can use your address.`,
        ],
      };
    case 'password_reset':
      return {
        subject: `Reset your ${appName} password`,
        blocks: [
          'Somebody asked to reset the password of your account. If it was you, open this link and choose a new one:',
          { address, label: 'Choose a new password' },
          until,
          'With the new password you have to log in again everywhere.',
          'If it was not you, please ignore this mail: your password stays as it is.',
        ],
      };
    case 'invitation':
      return {
        subject: `Your ${appName} account is ready`,
        blocks: [
          `An account at ${appName} was made for you. Your username is ${plain(mail.username)}. Open this link and choose a password:`,
          { address, label: 'Choose a password' },
          until,
          'If you did not expect this, please ignore this mail.',
        ],
      };
  }
}

const notice = (mail: Told, settings: LetterSettings): Words => ({
  subject: SUBJECTS[mail.purpose](settings.appName),
  blocks: [told(mail, settings), { facts: factsOf(mail) }, ...advice(mail, settings)],
});

const SUBJECTS: Readonly<Record<Exclude<MailPurpose, Tokened['purpose']>, (appName: string) => string>> = {
  email_claimed: (appName) => `Somebody gave your e-mail address at ${appName}`,
  new_device: (appName) => `New log-in to your ${appName} account`,
  password_changed: (appName) => `Your ${appName} password was changed`,
  email_changed: (appName) => `The e-mail address of your ${appName} account was changed`,
  username_changed: (appName) => `Your ${appName} username was changed`,
  recovery_codes_created: (appName) => `New recovery codes for your ${appName} account`,
  account_deleted: (appName) => `Your ${appName} account was deleted`,
};

/** What happened. */
function told(mail: Told, { appName }: LetterSettings): string {
  switch (mail.purpose) {
    case 'email_claimed':
      return `Somebody gave this e-mail address for another account at ${appName}. It stays yours, and nothing was changed in your account.`;
    case 'new_device':
      return `Somebody logged in to your ${appName} account from a device that was not used with it before.`;
    case 'password_changed':
      return `The password of your ${appName} account was changed.`;
    case 'email_changed':
      return `This is no longer the e-mail address of your ${appName} account. Mails about the account no longer come here.`;
    case 'username_changed':
      return `The username of your ${appName} account was changed from ${plain(mail.username)} to ${plain(mail.newUsername)}.`;
    case 'recovery_codes_created':
      return `New recovery codes were made for your ${appName} account. Those of before no longer work.`;
    case 'account_deleted':
      return `Your ${appName} account was deleted, and everybody who was logged in to it is logged out.`;
  }
}

/** What readers are to do about it. */
function advice({ purpose }: Told, { appName, appUrl }: LetterSettings): Block[] {
  const there: Block = { address: appUrl, label: `Go to ${appName}` };
  const operator = `please write to those who run ${appName}`;
  switch (purpose) {
    case 'email_claimed':
      return ['If it was you: you have an account already, under the name above. Log in to that one, or reset its password:', there];
    case 'account_deleted':
      return [`If it was not you, ${operator} as soon as you can.`];
    case 'email_changed':
      return [
        'If it was you, there is nothing to do. If not, log in and change your password and the address now:',
        there,
        `If you can no longer log in, ${operator}.`,
      ];
    case 'password_changed':
      return ['If it was you, there is nothing to do. If not, reset your password now:', there, `If that does not work, ${operator}.`];
    default:
      return ['If it was you, there is nothing to do. If not, change your password now, and end the sessions that you do not know:', there];
  }
}

/** When and from where; the text that a stranger's browser sends is shown to nobody who does not share an account with them. */
function factsOf({ purpose, at, client }: Told): [string, string][] {
  const { ip, userAgent } = client;
  return [
    ['When', timeOf(at)],
    ...(ip === null ? [] : [['Address', plain(ip)] satisfies [string, string]]),
    ...(userAgent === null || purpose === 'email_claimed' ? [] : [['Browser', plain(userAgent)] satisfies [string, string]]),
  ];
}

const DAYS = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' });
const timeOf = (time: Date): string => `${DAYS.format(time)}, ${time.toISOString().slice(11, 16)} UTC`;

const MOST_CHARACTERS = 200;

/** Text of somebody's choosing, as one piece of a line: nothing in it breaks the line, hides, or turns what stands beside it around. */
function plain(text: string): string {
  const visible = text.replace(/[\p{C}\p{Z}\s]+/gu, ' ').trim();
  return Array.from(visible).slice(0, MOST_CHARACTERS).join('');
}
