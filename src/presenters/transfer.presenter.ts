import type { ExportedUser, ImportResult } from '../services/transfer/imported-user.js';

/** What became of one record of an import. */
export interface ImportResultShape {
  readonly line: number;
  readonly status: ImportResult['status'];
  readonly id?: number;
  readonly username?: string;
  readonly errors?: readonly { readonly path: string; readonly code: string; readonly message: string }[];
  readonly notes?: readonly string[];
}

export const presentImportResult = ({ line, status, id, username, errors, notes }: ImportResult): ImportResultShape => ({
  line,
  status,
  ...(id !== undefined && { id }),
  ...(username !== undefined && { username }),
  ...(errors !== undefined && { errors: errors.map(({ path, code, message }) => ({ path, code, message })) }),
  ...(notes !== undefined && { notes }),
});

/** A user as they leave over HTTP: never with a password's hash. */
export type ExportedUserShape = Omit<ExportedUser, 'password_hash' | 'hash_truncates'>;

export const presentExportedUser = (user: ExportedUser): ExportedUserShape => ({
  id: user.id,
  username: user.username,
  email: user.email,
  email_verified: user.email_verified,
  ...(user.email_verified_at !== undefined && { email_verified_at: user.email_verified_at }),
  display_name: user.display_name,
  roles: user.roles,
  disabled: user.disabled,
  created_at: user.created_at,
  ...(user.adopted && { adopted: true }),
  ...(user.looks_like !== undefined && { looks_like: user.looks_like }),
});

/** Things as JSON, a line each. */
export async function* presentLines<T>(items: AsyncIterable<T>, present: (item: T) => object): AsyncGenerator<string> {
  for await (const item of items) yield `${JSON.stringify(present(item))}\n`;
}
