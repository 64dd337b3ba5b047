const LINE_CHARACTERS = 76;

/** A mail in words, before it is text and HTML. */
export interface Letter {
  readonly subject: string;
  readonly blocks: readonly Block[];
  /** What its readers know the sender by, and where that is. */
  readonly appName: string;
  readonly appUrl: string;
}

/** A paragraph, a URL to open on a line of its own (as a button in HTML, unless it is `minor`), or facts by name. */
export type Block =
  | string
  | { readonly url: string; readonly label: string; readonly minor?: true }
  | { readonly facts: readonly (readonly [string, string])[] };

/** Without a name: a user's choice of it must not become a link or an advertisement. */
const GREETING = 'Hello,';

/** The same in plain text, in lines of no more than 76 characters where words and addresses are no longer. */
export function asText({ blocks, appName, appUrl }: Letter): string {
  const parts = blocks.map((block) => {
    if (typeof block === 'string') return wrapped(block);
    if ('url' in block) return block.url;
    return block.facts.map(([fact, value]) => wrapped(`${fact}: ${value}`)).join('\n');
  });
  return `${[GREETING, ...parts, `-- \n${appName}\n${appUrl}`].join('\n\n')}\n`;
}

function wrapped(text: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > LINE_CHARACTERS) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].join('\n');
}

const STYLES = {
  body: 'margin:0;padding:24px;background:#ffffff;color:#1f2328;font:16px/1.5 system-ui,-apple-system,Segoe UI,Helvetica,Arial,sans-serif',
  frame: 'max-width:36em;margin:0 auto',
  button: 'display:inline-block;padding:10px 18px;border-radius:6px;background:#0b57d0;color:#ffffff;text-decoration:none',
  small: 'margin-top:32px;color:#59636e;font-size:14px',
  address: 'word-break:break-all;font-size:14px',
} as const;

/** The same in HTML: nothing in it is fetched, and nothing in it is markup but what stands here (ASVS 1.2.1). */
export function asHtml({ subject, blocks, appName, appUrl }: Letter): string {
  const parts = blocks.map((block) => {
    if (typeof block === 'string') return `<p>${escaped(block)}</p>`;
    if ('facts' in block) return `<p>${block.facts.map(([fact, value]) => `${escaped(fact)}: ${escaped(value)}`).join('<br>')}</p>`;
    const href = escaped(block.url);
    if (block.minor) return `<p style="${STYLES.address}"><a href="${href}" style="color:inherit">${href}</a></p>`;
    return `<p><a href="${href}" style="${STYLES.button}">${escaped(block.label)}</a></p><p style="${STYLES.address}">${href}</p>`;
  });
  return [
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escaped(subject)}</title></head>`,
    `<body style="${STYLES.body}"><div style="${STYLES.frame}">`,
    `<p>${GREETING}</p>`,
    ...parts,
    `<p style="${STYLES.small}">${escaped(appName)}<br><a href="${escaped(appUrl)}" style="color:inherit">${escaped(appUrl)}</a></p>`,
    '</div></body></html>\n',
  ].join('\n');
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
