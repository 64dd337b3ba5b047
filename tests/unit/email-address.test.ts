import { describe, expect, test } from '@jest/globals';
import { foldEmail, isEmailAddress, mailboxKey } from '../../src/lib/email-address.js';

describe('foldEmail', () => {
  test.each([
    ['the case of the local part', 'ADA@example.com', 'ada@example.com'],
    ['the case of the domain', 'ada@EXAMPLE.com', 'ada@example.com'],
    ['the width of its letters', 'ａｄａ＠example.com', 'ada@example.com'],
    ['U-labels and A-labels', 'ada@bücher.example', 'ada@xn--bcher-kva.example'],
    ['the case of a U-label', 'ada@BÜCHER.example', 'ada@bücher.example'],
    ['the case of an A-label', 'ada@XN--BCHER-KVA.example', 'ada@bücher.example'],
    ['the composition of a U-label', 'ada@bu\u0308cher.example', 'ada@bücher.example'],
    ['the case of a final sigma', 'νικος.αβ@example.com', 'ΝΙΚΟΣ.ΑΒ@EXAMPLE.COM'],
  ])('addresses that differ in %s are one', (_what, one, other) => {
    expect(foldEmail(one)).toBe(foldEmail(other));
  });

  test.each([
    ['domains with a sharp s and a double s', 'ada@straße.example', 'ada@strasse.example'],
    ['a number and the IPv4 form that a URL gives it', 'ada@1.2.3', 'ada@1.2.0.3'],
    ['a domain and the same before a path', 'ada@bücher.example/x', 'ada@bücher.example'],
    ['a domain and the same with a filler inside', 'ada@büch\u034fer.example', 'ada@bücher.example'],
    ['A-labels that encode nothing', 'ada@xn--a.example', 'ada@xn--b.example'],
  ])('addresses with %s are two', (_what, one, other) => {
    expect(foldEmail(one)).not.toBe(foldEmail(other));
  });

  test.each(['ada@bücher.example', 'ΝΙΚΟΣ@ΝΙΚΟΣ.example', 'ada@xn--a.example', 'a@b@straße.example', 'no address', '@', '@ü', 'ada@ü..b'])(
    'the fold of the fold of %j is its fold',
    (address) => {
      expect(foldEmail(foldEmail(address))).toBe(foldEmail(address));
    },
  );

  test('returns a text that is longer than any address as it is', () => {
    expect(foldEmail('Ü'.repeat(2000))).toBe('Ü'.repeat(2000));
  });
});

describe('isEmailAddress', () => {
  test.each(["o'neil@example.com", 'ada@bücher.example', 'ada@xn--bcher-kva.example', 'zoë@exämple.de', '用户@例子.公司'])(
    'takes %s',
    (text) => {
      expect(isEmailAddress(text)).toBe(true);
    },
  );

  test.each([
    ['a filler in the local part', 'ad\u034fa@example.com'],
    ['a filler in the domain, which its A-label form would drop', 'ada@exam\u034fple.com'],
    ['a zero-width space', 'ada\u200b@example.com'],
    ['an A-label that encodes nothing', 'ada@xn--a.example'],
    ['a lone surrogate', 'ada\ud800@example.com'],
    ['a domain of one label', 'ada@localhost'],
  ])('refuses %s', (_what, text) => {
    expect(isEmailAddress(text)).toBe(false);
  });

  test('takes a host without a domain where one label is enough', () => {
    expect(isEmailAddress('ada@localhost', { labels: 1 })).toBe(true);
  });
});

describe('mailboxKey', () => {
  test.each([
    ['carol+0@example.com', 'carol@example.com'],
    ['Carol+Tag+More@EXAMPLE.com', 'carol@example.com'],
    ['carol@EXAMPLE.COM', 'carol@example.com'],
    ['ada@bücher.example', 'ada@xn--bcher-kva.example'],
    ['ada@XN--BCHER-KVA.example', 'ada@xn--bcher-kva.example'],
    ['c.a.r.o.l+x@googlemail.com', 'carol@gmail.com'],
    ['ca.rol@example.com', 'ca.rol@example.com'],
    ['mary-ann@example.com', 'mary-ann@example.com'],
    ['+x@example.com', '@example.com'],
    ['no address', 'no address'],
  ])('counts %j as %j', (address, key) => {
    expect(mailboxKey(address)).toBe(key);
  });
});
