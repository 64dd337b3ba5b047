/** No name in use is longer, in UTF-16 units; normalising 90 kB of combining marks would hold up the process for half a second. */
const MOST_UNITS = 1024;

/** Whether a name is too long to be looked at more closely. */
export const isBeyondNames = (name: string): boolean => name.length > MOST_UNITS;

/** The runs of a text whose case folding is what upper and lower casing give. Dotless i folds to itself, and Cherokee to upper case. */
const FOLDED_BY_CASING = /[^ı\p{Script=Cherokee}]+/gu;
const CHEROKEE = /\p{Script=Cherokee}+/gu;

/**
 * Full Unicode case folding (Unicode 3.13, toCasefold), which JavaScript has no function for. The first lower-casing finds
 * capitals whose upper case is themselves (ẞ), upper-casing gives the full expansions (ß, ligatures). Lower-casing writes a
 * capital sigma by its context, and a fold knows no context.
 */
export const foldCase = (text: string): string =>
  text
    .replace(FOLDED_BY_CASING, (run) => run.toLowerCase().toUpperCase().toLowerCase().replaceAll('ς', 'σ'))
    .replace(CHEROKEE, (run) => run.toUpperCase());

/**
 * Returns the form under which two spellings of a name are one: NFKC, full case folding, and NFKC again, as folding can undo
 * the normal form. A name that is beyond all names stays as it is.
 */
export function foldName(name: string): string {
  if (isBeyondNames(name)) return name;
  return foldCase(name.normalize('NFKC')).normalize('NFKC');
}

/** The length that people count: code points, not UTF-16 units. */
export function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/**
 * Matches a text with a character that is drawn by itself: no space, control or format character, no mark, no filler, and none
 * that Unicode draws as a blank though it is no space (Braille, Egyptian and musical ones).
 */
const VISIBLE = /(?![\p{Default_Ignorable_Code_Point}\u2800\u{13441}\u{13442}\u{1D159}])[^\p{Z}\p{C}\p{M}]/u;

const INVISIBLE = /\p{Default_Ignorable_Code_Point}/u;

/** Whether a text has a code point that is drawn as nothing wherever it stands, such as a filler, joiner or variation selector. */
export const hasInvisible = (text: string): boolean => INVISIBLE.test(text);

/**
 * What a display name may be: one line, so no controls, line ends, half surrogates, unassigned characters or marks that turn
 * the direction of what stands around it (UAX 9).
 */
export const DISPLAY_NAME_RULES = {
  most: 100,
  never: /[\p{Cc}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u,
} as const;

/**
 * Returns the rule that a display name breaks, if any. Default-ignorable code points may stand beside visible ones: emoji
 * sequences and Mongolian need them.
 */
export function displayNameFault(name: string): 'too_long' | 'format' | undefined {
  if (isBeyondNames(name) || codePoints(name) > DISPLAY_NAME_RULES.most) return 'too_long';
  return DISPLAY_NAME_RULES.never.test(name) || !VISIBLE.test(name) ? 'format' : undefined;
}

/** What a username may be, after NFKC. */
export const USERNAME_RULES = { fewest: 3, most: 64, pattern: /^[\p{L}\p{M}\p{N}._\-@+]*$/u } as const;

/** Says what `format` asks for. */
export const USERNAME_FORMAT =
  'may have letters, marks and digits of any script, and . _ - @ +; no invisible characters, and not marks alone';

/** Returns the rule that a new username breaks, if any. */
export function usernameFault(username: string): 'too_short' | 'too_long' | 'format' | undefined {
  if (isBeyondNames(username)) return 'too_long';
  const normal = username.normalize('NFKC');
  const length = codePoints(normal);
  if (length < USERNAME_RULES.fewest) return 'too_short';
  if (length > USERNAME_RULES.most) return 'too_long';
  return USERNAME_RULES.pattern.test(normal) && !hasInvisible(normal) && VISIBLE.test(normal) ? undefined : 'format';
}
