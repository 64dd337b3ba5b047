import { isIP } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { writeMail } from '../../../src/services/outbox/letters.js';
import type { Mail } from '../../../src/services/outbox/mail.js';
import { APP, TOKEN } from '../../support/outbox.js';

const at = new Date(Date.UTC(2026, 10, 25, 14, 5, 59));
const ada = { token: TOKEN, tokenId: 'id', minutes: 10 };
const client = { ip: '203.0.113.7', userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0' };
const notice = { client, at };
const codes = { revoked: 10, remaining: 0 };
const REJECTION = 'rejection-token-8Kd2';
const rejection = { token: REJECTION, tokenId: 'id', minutes: 3 * 24 * 60 };
const REJECT_LINK = `${APP.appUrl}/reject-email#token=${REJECTION}`;
const LINKED: readonly Extract<Mail, { token: string }>[] = [
  { purpose: 'email_verification', rejection, ...ada },
  { purpose: 'password_reset', ...ada },
  { purpose: 'invitation', username: 'ada', ...ada },
];
const NOTICES: readonly Exclude<Mail, { token: string }>[] = [
  { purpose: 'email_claimed', ...notice },
  { purpose: 'new_device', ...notice },
  { purpose: 'password_changed', how: 'recovery_code', codes, ...notice },
  { purpose: 'email_changed', ...notice },
  { purpose: 'email_pending', ...notice },
  { purpose: 'email_verified', codes, ...notice },
  { purpose: 'username_changed', username: 'ada', newUsername: 'countess', ...notice },
  { purpose: 'recovery_codes_created', ...notice },
  { purpose: 'recovery_codes_deleted', ...notice },
  { purpose: 'account_deleted', ...notice },
];
const PAGES: Readonly<Record<string, string>> = {
  email_verification: 'verify-email',
  password_reset: 'reset-password',
  invitation: 'accept-invitation',
};
const OWN_LINKS: readonly string[] = [APP.appUrl, REJECT_LINK];
const hrefs = (html: string): string[] => Array.from(html.matchAll(/href="([^"]*)"/g), ([, href = '']) => href);

describe('every mail', () => {
  test.each([...LINKED, ...NOTICES])('$purpose greets without a name, names the app, and says the same in plain text', (mail) => {
    const { subject, text, html } = writeMail(mail, APP);
    expect(subject).toMatch(/\bLingomate\b/);
    expect(text.startsWith('Hello,\n\n')).toBe(true);
    expect(html).toContain('<p>Hello,</p>');
    expect(text.split('\n').filter((line) => line.length > 76)).toEqual([]);
    expect(text).not.toMatch(/[<>]/);
    const words = (all: string): string[] => all.split(/\s+/).filter(Boolean);
    const shown = html
      .replace(/<title>.*<\/title>/, '')
      .replace(/<[^>]+>/g, ' ')
      .replaceAll('&#39;', "'");
    expect(words(text).filter((word) => word !== '--' && !words(shown).includes(word))).toEqual([]);
  });

  test.each([...LINKED, ...NOTICES])('$purpose fetches nothing, runs nothing and leads nowhere but to the app', (mail) => {
    const { text, html, link } = writeMail(mail, APP);
    expect(html).not.toMatch(/<(img|script|link|style|iframe|form)|src=|url\(|@import|on\w+=/i);
    expect(hrefs(html).filter((href) => href !== link && !OWN_LINKS.includes(href))).toEqual([]);
    expect(Array.from(text.matchAll(/https?:\S+/g), ([url]) => url).filter((url) => url !== link && !OWN_LINKS.includes(url))).toEqual([]);
  });
});

test.each(LINKED)('$purpose has a link on a line of its own, with the token where no server is told it, and says for how long', (mail) => {
  const { text, html, link, token } = writeMail(mail, APP);
  expect(link).toBe(`https://app.example.com/${PAGES[mail.purpose] ?? ''}#token=${TOKEN}`);
  expect(token).toBe(TOKEN);
  expect(text.split('\n')).toContain(link);
  expect(hrefs(html)).toContain(link);
  for (const part of [text, html]) expect(part).toMatch(/for 10 minutes after\s+this\s+mail was sent/);
});

test.each(NOTICES)('$purpose has no token, and says when and from where', (mail) => {
  const { text, link, token } = writeMail(mail, APP);
  expect([link, token]).toEqual([null, null]);
  expect(text).toContain('\nWhen: 25 November 2026, 14:05 UTC\nIP address: 203.0.113.7\n');
  expect(text.includes('Browser: Firefox on Linux')).toBe(mail.purpose !== 'email_claimed');
  const nowhere = { ...mail, client: { ip: null, userAgent: null } };
  expect(writeMail(nowhere, APP).text).toMatch(/\nWhen: [^\n]+\n\n/);
});

test.each([
  [1, '1 minute'],
  [60, '1 hour'],
  [24 * 60, '24 hours'],
  [36 * 60, '36 hours'],
  [3 * 24 * 60, '3 days'],
])('a token of %i minutes is valid for %s after the mail was sent', (minutes, words) => {
  const { text } = writeMail({ purpose: 'password_reset', ...ada, minutes }, APP);
  expect(text.replace(/\s+/g, ' ')).toContain(`The link works once, for ${words} after this mail was sent.`);
});

test('an app that lies in a folder is where the links lead, and a token is no markup', () => {
  const mail: Mail = { purpose: 'password_reset', ...ada, token: '<&#?/ä' };
  const { link, html } = writeMail(mail, { appName: 'B&B', appUrl: 'https://example.com/shop' });
  expect(link).toBe('https://example.com/shop/reset-password#token=%3C%26%23%3F%2F%C3%A4');
  expect(html).toContain('<title>Reset your B&amp;B password</title>');
});

test('the verification mail has a second link that removes the address from the account', () => {
  const { text, html, token } = writeMail({ purpose: 'email_verification', rejection, ...ada }, APP);
  expect(text.split('\n')).toContain(REJECT_LINK);
  expect(hrefs(html)).toContain(REJECT_LINK);
  expect(token).toBe(TOKEN);
});

test.each([
  [{ revoked: 10, remaining: 0 }, 'no longer work: 10'],
  [{ revoked: 0, remaining: 7 }, 'remain valid: 7'],
] as const)('a changed password is notified with what became of the recovery codes: %j', (after, words) => {
  const { text } = writeMail({ purpose: 'password_changed', how: 'password_reset', codes: after, ...notice }, APP);
  expect(text).toContain(words);
  const none = { purpose: 'password_changed', how: 'password_reset', codes: { revoked: 0, remaining: 0 }, ...notice } as const;
  expect(writeMail(none, APP).text).not.toMatch(/recovery code/i);
});

/** What mail clients turn into links: with or without a scheme, addresses, IDN dots, and phone numbers. */
const LINKIFIERS = [
  /[a-z][a-z0-9+.-]*:\/\/\S/iu,
  /\b(?:mailto|tel|javascript|data|sms|callto):\S/iu,
  /[\p{L}\p{N}_-]+[.。．｡․]+\p{L}{2,}/u,
  /\bwww\./iu,
  /[\p{L}\p{N}_.+-][@＠﹫][\p{L}\p{N}]/u,
  /(?:\d{1,3}\.){3}\d{1,3}/u,
  /\+?\d(?:[-. ()/]*\d){5,}/u,
  /\\\\\w/u,
];

describe('text that a user or client chose', () => {
  const HOSTILE = [
    'www.evil-prize.com',
    'evil.com',
    'ｅvil．com',
    'evil。com',
    'you.won@evil-prize.com',
    'eve＠evil.com',
    'http://evil.example/?a=b',
    'tel:18005551234',
    '18005551234',
    '1-800-555-1234',
    '+1.800.555.1234',
    '10.0.0.1',
    '\\\\evil\\share',
    `<img src=x onerror=alert(1)>"'&`,
    'ada\r\nBcc: eve@example.com\r\n\r\nSend me money',
    'ada\u2028\u2029\u0085\v\fBcc: eve@example.com',
    `ada\u202Egnirts\u2066\u200B\u0000\uD800`,
    `https://evil.example/"><a href='https://evil.example'>`,
  ];
  /** All that a mail says but its own links, times and the reader's own IP address. */
  const foreignOf = (mail: Mail): string[] => {
    const { subject, text, html, link } = writeMail(mail, APP);
    const shown = html.replace(/<[^>]+>/g, ' ').replace(/&[a-z]+;|&#\d+;/g, ' ');
    return [subject, text, shown].map((part) =>
      [link ?? '', ...OWN_LINKS, client.ip, '25 November 2026, 14:05 UTC'].reduce(
        (rest, own) => (own === '' ? rest : rest.replaceAll(own, '')),
        part,
      ),
    );
  };
  const mailsWith = (text: string): Mail[] => [
    { purpose: 'invitation', username: text, ...ada },
    { purpose: 'username_changed', username: text, newUsername: text, ...notice },
    { purpose: 'new_device', at, client: { ip: client.ip, userAgent: text } },
    // An IP address is a fact of the connection; anything else in its place is left out.
    ...(isIP(text) === 0 ? [{ purpose: 'new_device', at, client: { ip: text, userAgent: null } } as const] : []),
  ];

  test.each(HOSTILE)('%j is no link for a mail client, in text or HTML', (text) => {
    for (const part of mailsWith(text).flatMap(foreignOf)) {
      for (const linkifier of LINKIFIERS) expect(linkifier.exec(part)?.[0]).toBeUndefined();
    }
  });

  test.each(HOSTILE)('%j stays one piece of one line, and is no markup', (text) => {
    for (const mail of mailsWith(text)) {
      const { text: written, html } = writeMail(mail, APP);
      expect(written).not.toMatch(/^(Bcc|Send)/m);
      expect(`${written}${html}`).not.toMatch(/[^\P{C}\n]|[\p{Zl}\p{Zp}]/u);
      expect(html).not.toMatch(/<img|<a href='|onerror=alert\(1\)>/);
      expect(hrefs(html).filter((href) => href.includes('evil'))).toEqual([]);
    }
  });

  test('the linkifiers find every hostile name where it is written as it is', () => {
    const plain = HOSTILE.filter((text) => /evil|18|10\./.test(text));
    expect(plain.filter((text) => !LINKIFIERS.some((linkifier) => linkifier.test(text)))).toEqual([]);
  });

  test.each([
    ['ada', 'ada'],
    ['Zoë_Zebra-1984', 'Zoë_Zebra-1984'],
    ['ada.lovelace', 'ada[.]lovelace'],
    ['ada@example.com', 'ada[@]example[.]com'],
    ['18005551234', '180[0]555[1]234'],
  ])('the username %j is shown as %j', (username, shown) => {
    const { text } = writeMail({ purpose: 'invitation', username, ...ada }, APP);
    expect(text).toContain(`\nYour username: ${shown}\n`);
    expect(text.includes('The brackets')).toBe(shown !== username);
  });

  test.each([
    [
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36',
      'Chrome on Windows',
    ],
    [
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15',
      'Safari on macOS',
    ],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile Safari/604.1',
      'Safari on iOS',
    ],
    ['curl/8.14.1', 'unknown'],
  ])('the browser %j is named %j', (userAgent, name) => {
    const { text } = writeMail({ purpose: 'new_device', at, client: { ip: null, userAgent } }, APP);
    expect(text).toContain(`\nBrowser: ${name}\n`);
  });

  test('a long username is cut', () => {
    const { text } = writeMail({ purpose: 'invitation', username: '🦊'.repeat(5000), ...ada }, APP);
    expect(/Your username:\s(\S*)/.exec(text)?.[1]).toBe('🦊'.repeat(200));
  });
});
