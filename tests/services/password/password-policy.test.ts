import { describe, expect, test } from '@jest/globals';
import common from '@zxcvbn-ts/language-common';
import { contextWords, PASSWORD_LENGTH, passwordFaults } from '../../../src/services/password/password-policy.js';

describe('words that go with the service', () => {
  const words = () => contextWords(['lingomate', 'The Corner Shop', 'auth.example.com', 'ÉDITEURS', 'ab']);

  test('are those of its names and addresses, folded, with and without what stands between, but for the short ones', () => {
    expect(new Set(words())).toEqual(
      new Set(['lingomate', 'corner', 'shop', 'thecornershop', 'auth', 'example', 'authexamplecom', 'éditeurs']),
    );
  });

  test.each([
    'lingomate',
    'Lingomate2025!',
    '2025 Ｌｉｎｇｏｍａｔｅ',
    'thecornershop',
    'The-Corner-Shop-1',
    'shopshopshop',
    'authexamplecom99',
    'example-password',
    'lingomate.qwertyuiop',
    'Éditeurs12',
  ])('%s has too little beside them', (password) => {
    expect(passwordFaults(password, { words: words() })).toEqual(['password_too_common']);
    expect(passwordFaults(`${password} and violet otters`, { words: words() })).toEqual([]);
  });

  test('may stand in a password that is good without them, and are no rule where there are none', () => {
    expect(passwordFaults('lingomate violet otter', { words: words() })).toEqual([]);
    expect(passwordFaults('Lingomate2025!')).toEqual([]);
    expect(passwordFaults('violet otters', { words: words() })).toEqual([]);
  });
});

test('more than three thousand passwords of leaked collections, as long as ours have to be, are refused in any case', () => {
  const leaked = common.dictionary['passwords-common'].filter((password) => Array.from(password).length >= PASSWORD_LENGTH.fewest);
  expect(leaked.length).toBeGreaterThan(3000);
  const taken = leaked.filter((password) => !passwordFaults(password.toUpperCase()).includes('password_too_common'));
  expect(taken).toEqual([]);
});

test.each(['aaaaaaaabz', '        7       ', '1029384756019', '!?!?!?!?;;', 'только буквы', '🦊🦊🦊🦊🦊🦊🦊🐙'])(
  'there is no rule on what a password is made of: %j is taken',
  (password) => {
    expect(passwordFaults(password)).toEqual([]);
  },
);
