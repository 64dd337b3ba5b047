import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { codePoints, displayNameFault, foldCase, foldName, usernameFault } from '../../src/lib/names.js';
import { INVISIBLE_DISPLAY_NAMES, INVISIBLE_USERNAMES } from '../support/invisible.js';

describe('foldName', () => {
  test.each([
    ['case', 'ADMIN', 'admin'],
    ['full width', 'ａｄｍｉｎ', 'admin'],
    ['full width and case', 'ＡＤＭＩＮ', 'admin'],
    ['mathematical letters', '𝐚𝐝𝐦𝐢𝐧', 'admin'],
    ['circled letters', 'ⓐⓓⓜⓘⓝ', 'admin'],
    ['composition', 'jose\u0301', 'jos\u00e9'],
    ['composition and case', 'JOSE\u0301', 'jos\u00c9'],
    ['a ligature', 'ﬁnn', 'finn'],
    ['a long s', 'ſam', 'Sam'],
    ['the Kelvin sign', '\u212aarl', 'karl'],
    ['the Ångström sign', '\u212b', 'å'],
    ['a superscript', 'bob²', 'bob2'],
    ['case, with a final sigma before a dot', 'νικος.αβ', 'ΝΙΚΟΣ.ΑΒ'],
    ['the form of a sigma', 'νικος', 'νικοσ'],
    ['a sharp s and its capitals', 'straße', 'STRASSE'],
    ['a capital sharp s', 'STRAẞE', 'strasse'],
    ['case of a rounded Cyrillic ve', 'ᲀeta', 'ВETA'],
    ['case of an iota below', '\u0345abc', '\u0399ABC'],
    ['case in Cherokee', 'ꭰꭱꭲ', 'ᎠᎡᎢ'],
    ['a dotted capital i', 'İpek', 'i\u0307pek'],
  ])('names that differ in %s are one', (_, one, other) => {
    expect(foldName(one)).toBe(foldName(other));
  });

  test.each([
    ['an accent', 'jose', 'josé'],
    ['an alphabet', 'admin', 'аdmin'],
    ['a dotless i', 'admin', 'admın'],
    ['a space', 'carol', 'carol '],
  ])('names that differ in %s are two', (_, one, other) => {
    expect(foldName(one)).not.toBe(foldName(other));
  });

  test('a fold of a fold is the same fold, for every character there is', () => {
    const unstable: string[] = [];
    for (let point = 0; point <= 0x10ffff; point += 1) {
      const once = foldName(`a${String.fromCodePoint(point)}`);
      if (foldName(once) !== once) unstable.push(point.toString(16));
    }
    expect(unstable).toEqual([]);
  });
});

describe('foldCase', () => {
  const hex = (text: string): string => Array.from(text, (one) => (one.codePointAt(0) ?? 0).toString(16)).join(' ');
  const lines = readFileSync(new URL('../fixtures/case-folding.txt', import.meta.url), 'utf8').split('\n');
  const toText = (codes: string[]): string => String.fromCodePoint(...codes.map((code) => parseInt(code, 16)));
  const folds = new Map(
    lines
      .filter((line) => /^[0-9A-F]/.test(line))
      .map((line) => line.split(' '))
      .map(([point = '', ...fold]): [string, string] => [toText([point]), toText(fold)]),
  );

  test('folds every character of Unicode 14 as its case folding data says', () => {
    expect(folds.size).toBe(1530);
    const different = [...folds].filter(([one, fold]) => foldCase(one) !== fold).map(([one]) => hex(one));
    expect(different).toEqual([]);
  });

  test('leaves every other character as it is, but for later ones that the runtime’s own patterns fold too', () => {
    const different: string[] = [];
    for (let point = 0; point <= 0x10ffff; point += 1) {
      const one = String.fromCodePoint(point);
      const fold = foldCase(one);
      if (fold !== one && !folds.has(one) && !isOneWithoutCase(one, fold)) different.push(hex(one));
    }
    expect(different).toEqual([]);
  });

  test('folds a text as its characters one by one, whatever stands around a sigma', () => {
    for (const text of ['ΟΔΟΣ', 'ΟΔΟΣ.Α', 'Σ', 'αΣ’', 'ıΣ', 'ᎠΣᎠ', 'ΑΣ\u0301'])
      expect(foldCase(text)).toBe(Array.from(text, (one) => foldCase(one)).join(''));
  });
});

/** ECMAScript matches /iu by simple case folding, which the runtime takes from its own data. */
const isOneWithoutCase = (one: string, other: string): boolean => {
  const [point, end] = [one.codePointAt(0)?.toString(16), other.codePointAt(0)?.toString(16)];
  return new RegExp(`^\\u{${point}}$`, 'iu').test(other) && end !== undefined;
};

describe('codePoints', () => {
  test.each([
    ['', 0],
    ['abc', 3],
    ['é', 1],
    ['e\u0301', 2],
    ['😀', 1],
    ['👩‍👩‍👧', 5],
    ['\ud83d', 1],
    ['\ude00\ud83d', 2],
    ['\0', 1],
  ])('%j has %i', (text, count) => {
    expect(codePoints(text)).toBe(count);
  });
});

describe('the characters of a display name', () => {
  test.each(['Ada', '.', '👩‍👩‍👧', '❤️', 'ᠮᠣᠩᠭᠣᠯ\u180b', '\u200bAda', 'می‌خواهم'])('%s is taken', (name) => {
    expect(displayNameFault(name)).toBeUndefined();
  });

  test.each(INVISIBLE_DISPLAY_NAMES)('%j is refused', (name) => {
    expect(displayNameFault(name)).toBe('format');
  });
});

describe('the characters of a username', () => {
  test.each(['ada', 'Ada.Lovelace', 'ada_l-1', 'ada@example.com', 'ada+tag', 'жанна', '李小龍', 'नमस्ते', '٣٤٥'])('%s is taken', (name) => {
    expect(usernameFault(name)).toBeUndefined();
  });

  test.each([
    ['a space', 'a b'],
    ['a line break', 'a\nb'],
    ['a line break at the end', 'ada\n'],
    ['NUL', 'a\0b'],
    ['a zero-width space', 'a\u200bb'],
    ['a zero-width joiner', 'a\u200db'],
    ['a bidi override', 'a\u202eb'],
    ['a lone surrogate', 'a\ud83db'],
    ['an emoji', 'a😀b'],
    ['a quote', "a'b"],
    ['a percent sign', 'a%b'],
    ['a slash', 'a/b'],
    ['an angle bracket', '<b>'],
    ...INVISIBLE_USERNAMES.map((name): [string, string] => [`the invisible character in ${JSON.stringify(name)}`, name]),
  ])('%s is refused', (_, name) => {
    expect(usernameFault(name)).toBe('format');
  });
});
