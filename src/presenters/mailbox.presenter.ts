import type { MailboxItem } from '../services/outbox/outbox.service.js';
import { escape, page } from './page.presenter.js';

/** A mail as developers see it. */
export interface MailShape {
  readonly id: string;
  readonly to: string;
  readonly subject: string;
  readonly purpose: string;
  readonly text: string;
  readonly html: string;
  readonly link: string | null;
  readonly token: string | null;
  readonly created_at: string;
}

export const presentMail = ({ id, to, subject, purpose, text, html, link, token, createdAt }: MailboxItem): MailShape => ({
  id,
  to,
  subject,
  purpose,
  text,
  html,
  link,
  token,
  created_at: createdAt.toISOString(),
});

const STYLE =
  '<style>body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:50rem;padding:0 1rem}article{border-top:1px solid #ccc;margin-top:2rem}pre{background:#f4f4f4;padding:1rem;white-space:pre-wrap;overflow-wrap:anywhere}code,a{overflow-wrap:anywhere}small{color:#555}</style>';

/** The same as a page: each mail with its link and token. */
export function mailboxPage(mails: readonly MailboxItem[], to: string): string {
  const shown = mails.map(({ to: recipient, subject, purpose, text, link, token, createdAt }) =>
    [
      `<article>\n<h2>${escape(subject)}</h2>`,
      `<p>To ${escape(recipient)}<br><small>${escape(purpose)}, ${createdAt.toISOString()}</small></p>`,
      ...(link === null ? [] : [`<p>Link: <a href="${escape(link)}">${escape(link)}</a></p>`]),
      ...(token === null ? [] : [`<p>Token: <code>${escape(token)}</code></p>`]),
      `<pre>${escape(text)}</pre>\n</article>`,
    ].join('\n'),
  );
  const form = `<form><label>To <input name="to" type="search" value="${escape(to)}"></label> <button>Show</button></form>`;
  const body = ['<h1>Mailbox</h1>', form, ...(shown.length === 0 ? ['<p>There are no mails.</p>'] : shown)].join('\n');
  return page({ title: 'Mailbox', head: STYLE, body, root: '../' });
}
