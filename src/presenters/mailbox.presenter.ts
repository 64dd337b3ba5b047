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

const REFRESH_SECONDS = 5;
const HEAD = `<meta http-equiv="refresh" content="${REFRESH_SECONDS}">`;
const STYLE =
  '<style>iframe{border:1px solid #ccc;height:26rem;resize:vertical;width:100%}body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:50rem;padding:0 1rem}article{border-top:1px solid #ccc;margin-top:2rem}pre{background:#f4f4f4;padding:1rem;white-space:pre-wrap;overflow-wrap:anywhere}code,a{overflow-wrap:anywhere}small{color:#555}</style>';

/** The HTML part of a mail, in which nothing runs. Its links open in a tab of their own. */
const rendered = (html: string): string =>
  `<iframe title="The mail" sandbox="allow-popups allow-popups-to-escape-sandbox" srcdoc="${escape(html.replace('<head>', '<head><base target="_blank">'))}"></iframe>`;

const NO_MAILS =
  '<p>There are no mails. Register a user with an e-mail address (<code>POST /register</code>), or ask for a password reset of a user with a verified address (<code>POST /password/forgot</code>), by the <a href="../docs">documentation page</a> for example: the mail appears here.</p>';
const noMailsTo = (to: string): string => `<p>There are no mails to ${escape(to)}. <a href="mailbox">Show all</a></p>`;

/** The same as a page that refreshes itself: each mail as its reader sees it, with its link and token. */
export function mailboxPage(mails: readonly MailboxItem[], to: string): string {
  const shown = mails.map(({ to: recipient, subject, purpose, text, html, link, token, createdAt }) =>
    [
      `<article>\n<h2>${escape(subject)}</h2>`,
      `<p>To <a href="?to=${encodeURIComponent(recipient)}">${escape(recipient)}</a><br><small>${escape(purpose)}, ${createdAt.toISOString()}</small></p>`,
      ...(link === null ? [] : [`<p>Link: <a href="${escape(link)}">${escape(link)}</a></p>`]),
      ...(token === null ? [] : [`<p>Token: <code>${escape(token)}</code></p>`]),
      rendered(html),
      `<details><summary>Plain text</summary><pre>${escape(text)}</pre></details>\n</article>`,
    ].join('\n'),
  );
  const form = `<form><label>To <input name="to" type="search" value="${escape(to)}"></label> <button>Show</button></form>`;
  const body = ['<h1>Mailbox</h1>', form, ...(shown.length === 0 ? [to === '' ? NO_MAILS : noMailsTo(to)] : shown)].join('\n');
  return page({ title: 'Mailbox', head: `${HEAD}\n${STYLE}`, body, root: '../' });
}
