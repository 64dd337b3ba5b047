import { foldEmail } from './email-address.js';
import { foldName } from './names.js';

/** A text that a user logs in with, in the forms under which it is looked up. */
export interface LoginIdentifier {
  readonly name: string;
  readonly fold: string;
  /** Its fold as an e-mail address; null where it is none, having no `@`. */
  readonly emailFold: string | null;
}

export function loginIdentifier(name: string): LoginIdentifier {
  const fold = foldName(name);
  return { name, fold, emailFold: fold.includes('@') ? foldEmail(name) : null };
}
