import type { DerivedKeys } from '../../lib/derived-key.js';
import { seal, unsealWithAny } from '../../lib/sealed.js';
import type { OutboxMail } from '../../models/outbox-mail.model.js';
import type { MailContent } from './letters.js';

/** What a row keeps of a mail: its words, and which tokens it has; the one that it is for comes first. */
export interface KeptMail extends MailContent {
  readonly tokenIds: readonly string[];
}

/** Mails as rows keep them: who can read the database reads no token in them. */
export interface ContentSeal {
  close(id: string, content: KeptMail): string;
  /** Undefined where it is gone, or was sealed under a ROOT_KEY that is neither the current nor the previous one. */
  open(mail: OutboxMail): KeptMail | undefined;
}

export function createContentSeal(keys: DerivedKeys): ContentSeal {
  const context = (id: string): string => `mail ${id}`;
  return {
    close: (id, content) => seal(keys.current, JSON.stringify(content), context(id)),
    open: ({ id, sealed_content: sealed }) => {
      try {
        return sealed === null ? undefined : read(JSON.parse(unsealWithAny(keys, sealed, context(id))));
      } catch {
        return undefined;
      }
    },
  };
}

function read(content: unknown): KeptMail | undefined {
  if (typeof content !== 'object' || content === null) return undefined;
  const { subject, text, html, link, token, tokenIds } = { ...EMPTY, ...content };
  return { subject, text, html, link, token, tokenIds };
}

const EMPTY: KeptMail = { subject: '', text: '', html: '', link: null, token: null, tokenIds: [] };
