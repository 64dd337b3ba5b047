/** No name in use is longer, in UTF-16 units; normalising 90 kB of combining marks would hold up the process for half a second. */
const MOST_UNITS = 1024;

/** Whether a name is too long to be looked at more closely. */
export const isBeyondNames = (name: string): boolean => name.length > MOST_UNITS;

/**
 * The form under which two spellings of a name are one: NFKC, lower case, and NFKC again, as lower-casing can undo
 * the normal form. A name that is beyond all names stays as it is.
 */
export function foldName(name: string): string {
  if (isBeyondNames(name)) return name;
  return name.normalize('NFKC').toLowerCase().normalize('NFKC');
}

/** The length that people count: code points, not UTF-16 units. */
export function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/**
 * What somebody may be called: a line that can be seen, so no controls, line ends, half surrogates, unassigned characters
 * or marks that turn the direction of what stands around it (UAX 9).
 */
export const DISPLAY_NAME_RULES = {
  most: 100,
  never: /[\p{Cc}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u,
} as const;

/** What a username may be, after NFKC. */
export const USERNAME_RULES = { fewest: 3, most: 64, pattern: /^[\p{L}\p{M}\p{N}._\-@+]*$/u } as const;
