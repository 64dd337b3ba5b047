/** Usernames with a character that is drawn as nothing, or of such characters and marks alone. */
export const INVISIBLE_USERNAMES: readonly string[] = [
  'admin\u034F',
  'ad\uFE0Fmin',
  'admin\u3164',
  'admin\uFFA0',
  'admin\u17B4',
  'admin\u{E0100}',
  'ada\u17b5',
  'ada\u180b',
  'ada\u180f',
  'ada\u1160',
  '\u3164\u3164\u3164',
  '\u115f\u115f\u115f',
  '\u0301\u0301\u0301',
  '\u{13441}\u{13441}\u{13441}',
];

/** Display names in which no character draws anything. */
export const INVISIBLE_DISPLAY_NAMES: readonly string[] = [
  '\u200b',
  '\u2800',
  '\u3164',
  '\u115f',
  '\u00ad\u2060',
  '\ufe0f\ufe0f',
  '\u034f',
  '\u200d',
  '\u{e0061}',
  '\u180e',
  '\ufff9',
  '\u0301',
  ' \u200b ',
];
