import { randomInt } from 'node:crypto';
import { hasInvisible, USERNAME_RULES } from './names.js';

/** Lower-case letters and digits without those that are read for another: 0, 1, l and o. */
const ALPHABET = '23456789abcdefghijkmnpqrstuvwxyz';
/** Gives 2^30 ends, so that accounts with one local part rarely get one name. */
const END_LENGTH = 6;
const FALLBACK = 'user';

/** Matches runs of characters that a made name excludes: those that usernames exclude, and `@`, as the name is no address. */
const NOT_IN_MADE_NAMES = /[^\p{L}\p{M}\p{N}._+-]+/gu;
/** Matches what is cut off at both ends; a mark needs a letter before it. */
const EDGES = /^[\p{M}._+-]+|[._+-]+$/gu;

/**
 * Returns a username for an account that is known by an e-mail address alone: the local part without the characters that
 * usernames exclude, and a random end, such as `o-neil-7k3fqa`. It keeps to the rules of usernames whatever the text is. Two
 * calls give two names; the caller checks that the name is free and calls again where it is not.
 */
export function madeUsername(email: string): string {
  const at = email.lastIndexOf('@');
  const local = (at === -1 ? email : email.slice(0, at)).slice(0, USERNAME_RULES.most).normalize('NFKC');
  const visible = Array.from(local).filter((character) => !hasInvisible(character));
  const allowed = Array.from(visible.join('').replace(NOT_IN_MADE_NAMES, '-').replace(EDGES, ''));
  const begin = allowed
    .slice(0, USERNAME_RULES.most - END_LENGTH - 1)
    .join('')
    .replace(EDGES, '');
  return `${begin === '' ? FALLBACK : begin}-${randomEnd()}`.normalize('NFKC');
}

const randomEnd = (): string => Array.from({ length: END_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
