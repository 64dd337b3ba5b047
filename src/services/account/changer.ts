import type { Client, Doer } from '../../lib/actor.js';
import type { User } from '../../models/user.model.js';

/** Who changes an account. */
export interface Changer {
  readonly by: Doer;
  /** The session of the account's own user, which goes on where others end; undefined for an administrator or operator. */
  readonly sessionId?: string;
}

/** The client to name in a mail to the user: that of an administrator is not disclosed. */
export const asSeenBy = (user: Pick<User, 'id'>, by: Doer): Client =>
  by.kind === 'user' && by.id === String(user.id) ? by : { ip: null, userAgent: null, requestId: by.requestId };
