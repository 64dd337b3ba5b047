import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { madeUsername } from '../../src/lib/made-name.js';
import { codePoints, usernameFault } from '../../src/lib/names.js';

const END = /-[2-9a-km-np-z]{6}$/;

describe('madeUsername', () => {
  test.each([
    ['o’neil@example.com', 'o-neil'],
    ["o'neil@example.com", 'o-neil'],
    ['a&b@example.com', 'a-b'],
    ['x!y#z@example.com', 'x-y-z'],
    ['ada@example.com', 'ada'],
    ['Ada.Lovelace+shop@example.com', 'Ada.Lovelace+shop'],
    ['josé@bücher.example', 'josé'],
    ['ａｄａ@example.com', 'ada'],
    ['#!ada!#@example.com', 'ada'],
    ['ad\u200ba@example.com', 'ada'],
    ['"a@b"@example.com', 'a-b'],
    ['!#$%@example.com', 'user'],
    ['\u0301\u0301@example.com', 'user'],
    ['@example.com', 'user'],
    ['ada', 'ada'],
    ['', 'user'],
    ['\ud800@example.com', 'user'],
  ])('the name made for %j begins with %j and has a random end', (email, begin) => {
    const name = madeUsername(email);

    expect(name).toMatch(END);
    expect(name.replace(END, '')).toBe(begin);
  });

  test('keeps the name of a long address within 64 characters', () => {
    const name = madeUsername(`${'a'.repeat(136)}@example.com`);

    expect(codePoints(name)).toBe(64);
    expect(usernameFault(name)).toBeUndefined();
  });

  test('keeps to the rules of usernames, in normal form and without @, whatever the text is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 80 }), fc.emailAddress()), (email) => {
        const name = madeUsername(email);

        expect(usernameFault(name)).toBeUndefined();
        expect(name).toBe(name.normalize('NFKC'));
        expect(name).not.toContain('@');
      }),
    );
  });

  test('makes another name at each call', () => {
    const names = new Set(Array.from({ length: 100 }, () => madeUsername('ada@example.com')));

    expect(names.size).toBe(100);
  });
});
