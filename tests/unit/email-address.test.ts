import { describe, expect, it } from '@jest/globals';
import { mailboxKey } from '../../src/lib/email-address.js';

describe('mailboxKey', () => {
  it.each([
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
