import { describe, expect, test } from '@jest/globals';
import { codePoints, foldName, USERNAME_RULES } from '../../src/lib/names.js';

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
  ])('names that differ in %s are one', (_, one, other) => {
    expect(foldName(one)).toBe(foldName(other));
  });

  test.each([
    ['an accent', 'jose', 'josé'],
    ['an alphabet', 'admin', 'аdmin'],
    ['a dotless i', 'admin', 'admın'],
    ['a space', 'carol', 'carol '],
    ['a sharp s', 'strasse', 'straße'],
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

describe('the characters of a username', () => {
  test.each(['ada', 'Ada.Lovelace', 'ada_l-1', 'ada@example.com', 'ada+tag', 'жанна', '李小龍', 'नमस्ते', '٣٤٥'])('%s is taken', (name) => {
    expect(USERNAME_RULES.pattern.test(name)).toBe(true);
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
  ])('%s is refused', (_, name) => {
    expect(USERNAME_RULES.pattern.test(name)).toBe(false);
  });
});
