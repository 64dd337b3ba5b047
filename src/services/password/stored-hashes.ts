import { countLike, hashSettings } from '../../models/hash-settings.js';
import type { UserModel } from '../../models/user.model.js';
import type { PasswordService } from './password.service.js';

/** Users whose hash cannot be verified for one reason, which follows "whose hash". */
export interface UnverifiableHashes {
  /** Counted to 10,000 for each setting. */
  readonly users: number;
  readonly reason: string;
}

export interface StoredHashes {
  /** Reads the formats in use, which the timing-equalising work covers from then on. */
  refresh(): Promise<void>;
  /** Returns the users who cannot log in with a password because their hash cannot be verified, by reason. */
  unverifiable(): Promise<UnverifiableHashes[]>;
}

interface Parts {
  readonly User: UserModel;
  readonly passwords: Pick<PasswordService, 'hashFault' | 'setFormatsInUse'>;
}

/** What the stored hashes of all users have in common. */
export const createStoredHashes = ({ User, passwords }: Parts): StoredHashes => ({
  refresh: async () => {
    passwords.setFormatsInUse((await hashSettings(User)).map(({ hash }) => hash));
  },
  unverifiable: async () => {
    const byReason = new Map<string, number>();
    for (const sample of await hashSettings(User)) {
      const reason = passwords.hashFault(sample.hash);
      if (reason !== undefined) byReason.set(reason, (byReason.get(reason) ?? 0) + (await countLike(User, sample)));
    }
    return [...byReason].map(([reason, users]) => ({ users, reason }));
  },
});
