import { describe, expect, test } from '@jest/globals';
import { parseStrictForm } from '../../src/lib/form-text.js';
import { seededRandom } from '../support/random.js';

describe('parseStrictForm', () => {
  test.each([
    ['', {}],
    ['a=1&b=2', { a: '1', b: '2' }],
    ['a=b=c==', { a: 'b=c==' }],
    ['a', { a: '' }],
    ['a=', { a: '' }],
    ['=1', { '': '1' }],
    ['&&a=1&', { a: '1' }],
    ['a=x+y%20z%2B', { a: 'x y z+' }],
    ['a%20b+c=1', { 'a b c': '1' }],
    ['a=%26%3D', { a: '&=' }],
    ['a=%F0%9F%98%80', { a: '😀' }],
    ['a=😀', { a: '😀' }],
    ['a=%00', { a: '\0' }],
    ['a=%e9%9d%92', { a: '青' }],
    ['a=1;b=2', { a: '1;b=2' }],
    ['a[b]=1', { 'a[b]': '1' }],
    ['constructor=1', { constructor: '1' }],
  ])('%s is read', (text, members) => {
    expect(parseStrictForm(text)).toEqual(members);
  });

  test('__proto__ is a member like any other', () => {
    const parsed = parseStrictForm('__proto__=1');
    expect(Object.keys(parsed)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(parsed)).toBe(Object.prototype);
  });

  test.each([
    ['in one spelling', 'a=1&a=1'],
    ['one of them escaped', 'a=1&%61=2'],
    ['with a space in two spellings', 'a+b=1&a%20b=2'],
    ['without values', 'a&a'],
    ['named __proto__', '__proto__=1&__proto__=2'],
    ['with an escape in two cases', '%c3%a9=1&%C3%A9=2'],
  ])('a member sent twice %s is refused', (_, text) => {
    expect(() => parseStrictForm(text)).toThrow(SyntaxError);
  });

  test.each([
    ['an escape that is none', 'a=%'],
    ['an escape of one digit', 'a=%4'],
    ['an escape of other letters', 'a=%zz'],
    ['a byte that is no UTF-8', 'a=%ff'],
    ['half a character', 'a=%c3'],
    ['an overlong form', 'a=%c0%af'],
    ['a surrogate', 'a=%ed%a0%80'],
    ['such a byte in a name', '%ff=1'],
  ])('%s is refused, and never replaced', (_, text) => {
    expect(() => parseStrictForm(text)).toThrow(URIError);
  });

  test('what URLSearchParams writes is read back, for 5,000 random forms', () => {
    const random = seededRandom(3);
    for (let round = 0; round < 5000; round += 1) {
      const members = new Map<string, string>();
      const word = (): string =>
        Array.from({ length: random.below(5) }, () => random.pick(['a', ' ', '+', '%', '=', '&', 'é', '😀', '\n', '"', '/'])).join('');
      for (let count = random.below(5); count > 0; count -= 1) members.set(word(), word());
      expect(parseStrictForm(new URLSearchParams([...members]).toString())).toEqual(Object.fromEntries(members));
    }
  });
});
