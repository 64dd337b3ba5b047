import type { DerivedKeys } from '../../lib/derived-key.js';
import { seal, unsealWithAny } from '../../lib/sealed.js';
import type { OutboxMail } from '../../models/outbox-mail.model.js';
import type { MailContent } from './letters.js';

/** Mails as rows keep them: who can read the database reads no token in them. */
export interface ContentSeal {
  close(id: string, content: MailContent): string;
  /** Undefined where it is gone, or was sealed under a ROOT_KEY that is neither the current nor the previous one. */
  open(mail: OutboxMail): MailContent | undefined;
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

function read(content: unknown): MailContent | undefined {
  if (typeof content !== 'object' || content === null) return undefined;
  const { subject, text, html, link, token } = { subject: '', text: '', html: '', link: null, token: null, ...content };
  return { subject, text, html, link, token };
}
