import { describe, expect, test } from '@jest/globals';
import { writeMail } from '../../../src/services/outbox/letters.js';
import type { Mail } from '../../../src/services/outbox/mail.js';
import { APP, TOKEN } from '../../support/outbox.js';

const at = new Date(Date.UTC(2026, 10, 25, 14, 5, 59));
const ada = { username: 'ada', token: TOKEN, expiresAt: at };
const client = { ip: '203.0.113.7', userAgent: 'Firefox/150' };
const notice = { username: 'ada', client, at };
const LINKED: readonly Mail[] = [
  { purpose: 'email_verification', ...ada },
  { purpose: 'password_reset', ...ada },
  { purpose: 'invitation', ...ada },
];
const NOTICES: readonly Exclude<Mail, { token: string }>[] = [
  { purpose: 'email_claimed', ...notice },
  { purpose: 'new_device', ...notice },
  { purpose: 'password_changed', ...notice },
  { purpose: 'email_changed', ...notice },
  { purpose: 'username_changed', newUsername: 'countess', ...notice },
  { purpose: 'recovery_codes_created', ...notice },
  { purpose: 'account_deleted', ...notice },
];
const PAGES: Readonly<Record<string, string>> = {
  email_verification: 'verify-email',
  password_reset: 'reset-password',
  invitation: 'accept-invitation',
};
const hrefs = (html: string): string[] => Array.from(html.matchAll(/href="([^"]*)"/g), ([, href = '']) => href);

describe('every mail', () => {
  test.each([...LINKED, ...NOTICES])('$purpose greets, names the app, and is as good to read in plain text', (mail) => {
    const { subject, text, html } = writeMail(mail, APP);
    expect(subject).toMatch(/\bLingomate\b/);
    expect(text.startsWith('Hello ada,\n\n')).toBe(true);
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
    expect(hrefs(html).filter((href) => href !== link && href !== APP.appUrl)).toEqual([]);
    expect(Array.from(text.matchAll(/https?:\S+/g), ([url]) => url).filter((url) => url !== link && url !== APP.appUrl)).toEqual([]);
  });
});

test.each(LINKED)('$purpose has a link on a line of its own, with the token where no server is told it, and says until when', (mail) => {
  const { text, html, link, token } = writeMail(mail, APP);
  expect(link).toBe(`https://app.example.com/${PAGES[mail.purpose] ?? ''}#token=${TOKEN}`);
  expect(token).toBe(TOKEN);
  expect(text.split('\n')).toContain(link);
  expect(hrefs(html)).toContain(link);
  for (const part of [text, html]) expect(part).toContain('until 25 November 2026, 14:05 UTC');
});

test.each(NOTICES)('$purpose has no token, and says when and from where', (mail) => {
  const { text, link, token } = writeMail(mail, APP);
  expect([link, token]).toEqual([null, null]);
  expect(text).toContain('\nWhen: 25 November 2026, 14:05 UTC\nAddress: 203.0.113.7\n');
  expect(text.includes('Browser: Firefox/150')).toBe(mail.purpose !== 'email_claimed');
  const nowhere = { ...mail, client: { ip: null, userAgent: null } };
  expect(writeMail(nowhere, APP).text).toMatch(/\nWhen: [^\n]+\n\n/);
});

test('an app that lies in a folder is where the links lead, and a token is no markup', () => {
  const mail: Mail = { purpose: 'password_reset', ...ada, token: '<&#?/ä' };
  const { link, html } = writeMail(mail, { appName: 'B&B', appUrl: 'https://example.com/shop' });
  expect(link).toBe('https://example.com/shop/reset-password#token=%3C%26%23%3F%2F%C3%A4');
  expect(html).toContain('<title>Reset your B&amp;B password</title>');
});

describe('text of strangers', () => {
  const HOSTILE = [
    `<img src=x onerror=alert(1)>"'&`,
    'ada\r\nBcc: eve@example.com\r\n\r\nSend me money',
    'ada\u2028\u2029\u0085\v\fBcc: eve@example.com',
    `ada\u202Egnirts\u2066\u200B\u0000\uD800`,
    `https://evil.example/"><a href='https://evil.example'>`,
  ];
  test.each(HOSTILE)('%j stays one piece of one line, and text, as a name', (username) => {
    for (const mail of [...LINKED, ...NOTICES]) {
      const { subject, text, html } = writeMail({ ...mail, username }, APP);
      expect(subject).toBe(writeMail(mail, APP).subject);
      expect(text).not.toMatch(/^(Bcc|Send)/m);
      expect(`${text}${html}`).not.toMatch(/[^\P{C}\n]|[\p{Zl}\p{Zp}]/u);
      expect(html).not.toMatch(/<img|<a href='|onerror=alert\(1\)>/);
      expect(hrefs(html).filter((href) => href.includes('evil'))).toEqual([]);
    }
  });

  test.each(HOSTILE)('%j is the same as a browser, an address or a new name', (text) => {
    const mails: Mail[] = [
      { purpose: 'new_device', ...notice, client: { ip: '203.0.113.7', userAgent: text } },
      { purpose: 'new_device', ...notice, client: { ip: text, userAgent: null } },
      { purpose: 'username_changed', ...notice, newUsername: text },
    ];
    for (const mail of mails) {
      const written = writeMail(mail, APP);
      expect(written.text).not.toMatch(/^(Bcc|Send)/m);
      expect(written.html).not.toMatch(/<img|<a href='/);
    }
  });

  test('is cut where it is long', () => {
    const { text } = writeMail({ purpose: 'new_device', ...notice, client: { ip: null, userAgent: '🦊'.repeat(5000) } }, APP);
    expect(/Browser:\s(\S*)/.exec(text)?.[1]).toBe('🦊'.repeat(200));
  });
});
