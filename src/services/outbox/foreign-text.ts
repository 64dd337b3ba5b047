import { isIP } from 'node:net';

/** More of a name is of no use to a reader. */
const MAX_CHARACTERS = 200;
/** So many digits, with phone punctuation between them, are what mail clients take for a phone number; every fourth is bracketed. */
const PHONE_DIGITS = 6;
const DIGITS_BETWEEN_BRACKETS = 4;

/** Characters by which mail clients recognise a link, in every form that NFKC or IDNA maps to one of them. */
const LINK_CHARACTERS = new Set(['.', '@', ':', '/', '\\']);
/** IDNA takes these for a dot (UTS 46), and NFKC leaves them as they are. */
const FULL_STOPS = new Set(['\u3002', '\uff61']);

/**
 * Text that a user chose, as one piece of a line that no mail client turns into a link: `www.example.com` becomes
 * `www[.]example[.]com`. Nothing in it breaks the line, is invisible, or changes the direction of the text around it.
 */
export function unlinkable(text: string): string {
  const visible = text.replace(/[\p{C}\p{Z}\s]+/gu, ' ').trim();
  const short = Array.from(visible).slice(0, MAX_CHARACTERS);
  return short
    .map((character) => (isLinkCharacter(character) ? `[${character}]` : character))
    .join('')
    .replace(PHONE_STRETCH, bracketDigits);
}

const isLinkCharacter = (character: string): boolean =>
  FULL_STOPS.has(character) || Array.from(character.normalize('NFKC')).some((one) => LINK_CHARACTERS.has(one));

/** Digits with what may stand between those of a phone number, and the brackets of `unlinkable`. */
const PHONE_STRETCH = /[\p{Nd}\-+()_ [\].]+/gu;

function bracketDigits(stretch: string): string {
  let digits = 0;
  const bracketed = stretch.replace(/\p{Nd}/gu, (digit) => {
    digits += 1;
    return digits % DIGITS_BETWEEN_BRACKETS === 0 ? `[${digit}]` : digit;
  });
  return digits < PHONE_DIGITS ? stretch : bracketed;
}

/** Names of browsers by what their User-Agent contains. The order counts: most browsers also name those behind them. */
const BROWSERS = [
  ['Edg', 'Edge'],
  ['OPR/', 'Opera'],
  ['SamsungBrowser/', 'Samsung Internet'],
  ['Firefox/', 'Firefox'],
  ['FxiOS/', 'Firefox'],
  ['CriOS/', 'Chrome'],
  ['Chrome/', 'Chrome'],
  ['Safari/', 'Safari'],
] as const;
const SYSTEMS = [
  ['Android', 'Android'],
  ['iPhone', 'iOS'],
  ['iPad', 'iPadOS'],
  ['Windows', 'Windows'],
  ['Mac OS X', 'macOS'],
  ['CrOS', 'ChromeOS'],
  ['Linux', 'Linux'],
] as const;

/** The browser and system that a User-Agent names, in words of our own: nothing that a client sends stands in a mail. */
export function browserName(userAgent: string): string {
  const find = (names: typeof BROWSERS | typeof SYSTEMS) => names.find(([part]) => userAgent.includes(part))?.[1];
  const [browser, system] = [find(BROWSERS), find(SYSTEMS)];
  return `${browser ?? 'unknown'}${system === undefined ? '' : ` on ${system}`}`;
}

/** A client IP; undefined for text that is none, which a proxy may have passed on. */
export const shownIp = (ip: string): string | undefined => (isIP(ip) === 0 ? undefined : ip);
