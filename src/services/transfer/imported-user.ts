import type { FieldFault } from '../../errors/app-error.js';

/** A user as a source tells of them, still to be held against our rules; what is left out the source does not say. */
export interface ImportedUser {
  /** Where there is none, the e-mail address is the name, or a name is made from it. */
  readonly username?: string | undefined;
  readonly email?: string | undefined;
  /** Whether the source has seen that the address is its owner's; a time where it says when. */
  readonly emailVerified?: boolean | Date | undefined;
  readonly displayName?: string | undefined;
  readonly roles?: readonly string[] | undefined;
  readonly disabled?: boolean | undefined;
  readonly createdAt?: Date | undefined;
  readonly passwordHash?: string | undefined;
  /** Why the source's password hash cannot be read, worded to follow the name of its member. */
  readonly unreadableHash?: string | undefined;
  /** Whether the hash was made elsewhere, where that is known better than its format shows. */
  readonly hashTruncates?: boolean | undefined;
  /** The name is from where any text was one, and names are told apart to the letter: the FastAPI original. */
  readonly adopted?: Adopted | undefined;
}

export interface Adopted {
  /** The earlier name of the same source that this one looks like. */
  readonly looksLike?: string | undefined;
}

/** What a source makes of one of its records: a user, what keeps it from being one, or why it is passed over. */
export type Reading =
  | { readonly user: ImportedUser; readonly notes?: readonly string[] }
  | { readonly faults: readonly FieldFault[] }
  | { readonly skipped: string };

/** The same with where it stands: its line, or its place in a document or table, counted from 1. */
export type SourceRecord = Reading & { readonly line: number };

/** What became of a record. `skipped` is for what is no account that could log in, such as one that was deleted. */
export type ImportStatus = 'created' | 'would_create' | 'exists' | 'skipped' | 'failed';

/** What an import answers for each record. */
export interface ImportResult {
  readonly line: number;
  readonly status: ImportStatus;
  /** The new user's, or that of the one who is there. */
  readonly id?: number;
  readonly username?: string;
  readonly errors?: readonly FieldFault[];
  readonly notes?: readonly string[];
}

/** A user as they are exported: what an import reads. */
export interface ExportedUser {
  readonly id: number;
  readonly username: string;
  readonly email: string | null;
  readonly email_verified: boolean;
  readonly email_verified_at?: string;
  readonly display_name: string | null;
  readonly roles: readonly string[];
  readonly disabled: boolean;
  readonly created_at: string;
  readonly adopted?: true;
  readonly looks_like?: string;
  readonly password_hash?: string | null;
  readonly hash_truncates?: boolean;
}
