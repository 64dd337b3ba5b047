import { usernameFault } from '../../lib/names.js';
import { ownersOf, usersAfter } from '../../models/user-batch.js';
import type { User, UserModel } from '../../models/user.model.js';
import type { ExportedUser } from './imported-user.js';

const PAGE = 500;

interface ExportOptions {
  readonly withHashes: boolean;
  /** Selects users; all where it is absent. */
  readonly isWanted?: ((user: User) => boolean) | undefined;
}

/** Returns users, read in pages by their ids: who is added meanwhile comes last, or not. */
export async function* exportedUsers(User: UserModel, { withHashes, isWanted = () => true }: ExportOptions): AsyncGenerator<ExportedUser> {
  for (let after = 0, more = true; more;) {
    const users = await usersAfter(User, after, PAGE);
    const folds = users.flatMap(({ lookalike_fold }) => (lookalike_fold === null ? [] : [lookalike_fold]));
    const owners = folds.length === 0 ? undefined : await ownersOf(User, folds);
    for (const user of users.filter(isWanted))
      yield exported(user, user.lookalike_fold === null ? undefined : owners?.get(user.lookalike_fold), withHashes);
    after = users.at(-1)?.id ?? after;
    more = users.length === PAGE;
  }
}

function exported(user: User, looksLike: string | undefined, withHashes: boolean): ExportedUser {
  const verifiedAt = user.verified_email_fold === null ? null : user.email_verified_at;
  const isAdopted = user.username_fold === null || usernameFault(user.username) !== undefined;
  return {
    id: user.id,
    username: user.username,
    email: user.email,
    email_verified: user.verified_email_fold !== null,
    ...(verifiedAt && { email_verified_at: verifiedAt.toISOString() }),
    display_name: user.display_name,
    roles: user.roles,
    disabled: user.disabled_at !== null,
    created_at: user.created_at.toISOString(),
    ...(isAdopted && { adopted: true }),
    ...(looksLike !== undefined && { looks_like: looksLike }),
    ...(withHashes && { password_hash: user.hashed_password, hash_truncates: user.hash_truncates }),
  };
}
