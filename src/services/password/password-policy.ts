import common from '@zxcvbn-ts/language-common';
import type { PasswordCode } from '../../errors/codes.js';
import { codePoints, foldName } from '../../lib/names.js';

/** Lengths in code points (ASVS 6.2.1, 6.2.9; NIST 800-63B §3.1.1.2). No rule on composition (ASVS 6.2.5). */
export const PASSWORD_LENGTH = { fewest: 8, most: 256 } as const;

/** 49,233 passwords of leaked collections, folded (ASVS 6.2.4). */
const COMMON = new Set(common.dictionary['passwords-common'].map((password) => foldName(password)));

/** Whether a string can be a password at all: Unicode text without NUL. Half a surrogate pair has no bytes of its own. */
export const isPasswordText = (password: string): boolean => password.isWellFormed() && !password.includes('\0');
export const NOT_PASSWORD_TEXT = 'may have any character but NUL';

/** The rules that a new password breaks; none for a good one. `username` is left out where it isn't known. */
export function passwordFaults(password: string, username?: string): PasswordCode[] {
  const length = codePoints(password);
  if (length < PASSWORD_LENGTH.fewest) return ['password_too_short'];
  if (length > PASSWORD_LENGTH.most) return ['password_too_long'];
  const folded = foldName(password);
  const faults: PasswordCode[] = [];
  if (COMMON.has(folded)) faults.push('password_too_common');
  if (username !== undefined && folded === foldName(username)) faults.push('password_contains_username');
  return faults;
}
