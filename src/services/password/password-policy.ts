import common from '@zxcvbn-ts/language-common';
import { CODES, type PasswordCode } from '../../errors/codes.js';
import { codePoints, foldName } from '../../lib/names.js';

/**
 * Lengths in code points (ASVS 6.2.1, 6.2.9; NIST SP 800-63B-4 §3.1.1.2); PASSWORD_MIN_LENGTH may raise the minimum. No rule on
 * composition (ASVS 6.2.5).
 */
export const PASSWORD_LENGTH = { fewest: 8, most: 256 } as const;

/** 49,233 passwords of leaked collections, folded; 17,950 of them have 8 characters or more (ASVS 6.2.4, 6.2.12). */
const COMMON = new Set(common.dictionary['passwords-common'].map((password) => foldName(password)));

/** Whether a string can be a password at all: Unicode text without NUL. Half a surrogate pair has no bytes of its own. */
export const isPasswordText = (password: string): boolean => password.isWellFormed() && !password.includes('\0');
export const NOT_PASSWORD_TEXT = 'may have any character but NUL';

/** A shorter one stands in too many other words. */
const FEWEST_IN_WORD = 4;
const BETWEEN_WORDS = /[^\p{L}\p{N}]+/u;

/**
 * The words that whoever guesses tries first, as they go with this service: those of these texts, folded, each also as it
 * is written without what stands between (ASVS 6.1.2; docs/authentication.md lists the texts). The longest come first.
 */
export function contextWords(texts: readonly string[]): string[] {
  const words = texts.flatMap((text) => {
    const pieces = foldName(text).split(BETWEEN_WORDS);
    return [...pieces, pieces.join('')];
  });
  return [...new Set(words)].filter((word) => codePoints(word) >= FEWEST_IN_WORD).sort((one, other) => other.length - one.length);
}

/** Whether it is one of the common ones; or would be, or is too short, without the words that everybody can guess (ASVS 6.2.11). */
function isCommon(folded: string, words: readonly string[]): boolean {
  if (COMMON.has(folded)) return true;
  const rest = words.reduce((text, word) => text.replaceAll(word, ''), folded);
  return rest !== folded && (codePoints(rest) < PASSWORD_LENGTH.fewest || COMMON.has(rest.split(BETWEEN_WORDS).join('')));
}

/** Returns the text of a rule that a new password breaks. `minLength` is in code points. */
export const passwordFaultText = (code: PasswordCode, minLength: number): string =>
  code === 'password_too_short' ? `The password needs ${minLength} characters or more` : CODES[code].detail;

interface PasswordContext {
  /** Minimum length in code points. */
  readonly minLength?: number;
  /** Left out where it is unknown. */
  readonly username?: string | undefined;
  /** See `contextWords`; left out where only the request itself is checked. */
  readonly words?: readonly string[];
}

/** Returns the rules that a new password breaks, none for a good one. */
export function passwordFaults(
  password: string,
  { minLength = PASSWORD_LENGTH.fewest, username, words = [] }: PasswordContext = {},
): PasswordCode[] {
  const length = codePoints(password);
  if (length < minLength) return ['password_too_short'];
  if (length > PASSWORD_LENGTH.most) return ['password_too_long'];
  const folded = foldName(password);
  const faults: PasswordCode[] = [];
  if (isCommon(folded, words)) faults.push('password_too_common');
  if (username !== undefined && folded === foldName(username)) faults.push('password_contains_username');
  return faults;
}
