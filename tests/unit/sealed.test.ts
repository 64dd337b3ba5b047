import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { seal, unseal } from '../../src/lib/sealed.js';

const KEY = randomBytes(32);
const TEXT = 'a private key, and a ☂';
const CONTEXT = 'signing key 7';
const SEALED = seal(KEY, TEXT, CONTEXT);

describe('sealed text', () => {
  test.each(['', TEXT, 'x'.repeat(100_000), 'NUL \0 and \u{1F600}'])('is opened with its key and context', (text) => {
    expect(unseal(KEY, seal(KEY, text, CONTEXT), CONTEXT)).toBe(text);
  });

  test('is another each time, and has neither the text nor the context in it', () => {
    expect(new Set(Array.from({ length: 100 }, () => seal(KEY, TEXT, CONTEXT))).size).toBe(100);
    const bytes = Buffer.from(SEALED, 'base64url');
    for (const part of ['private', 'key', CONTEXT]) expect(bytes.includes(part)).toBe(false);
  });

  test('is not opened with another key', () => {
    expect(() => unseal(randomBytes(32), SEALED, CONTEXT)).toThrow();
  });

  test.each(['', 'signing key 8', 'signing key 7 ', 'Signing key 7'])('is not opened as something else: "%s"', (context) => {
    expect(() => unseal(KEY, SEALED, context)).toThrow();
  });

  test('is not opened where any one bit was changed', () => {
    const bytes = Buffer.from(SEALED, 'base64url');
    for (let at = 0; at < bytes.length; at += 1)
      for (let bit = 0; bit < 8; bit += 1) {
        const changed = Buffer.from(bytes);
        changed.writeUInt8(changed.readUInt8(at) ^ (1 << bit), at);
        expect(() => unseal(KEY, changed.toString('base64url'), CONTEXT)).toThrow();
      }
  });

  test('is not opened where it was cut off anywhere, or something was put behind it', () => {
    const bytes = Buffer.from(SEALED, 'base64url');
    for (let length = 0; length < bytes.length; length += 1)
      expect(() => unseal(KEY, bytes.subarray(0, length).toString('base64url'), CONTEXT)).toThrow();
    expect(() => unseal(KEY, Buffer.concat([bytes, Buffer.from([0])]).toString('base64url'), CONTEXT)).toThrow();
  });

  test('is not opened where the parts of two were put together', () => {
    const [one, other] = [SEALED, seal(KEY, TEXT, CONTEXT)].map((sealed) => Buffer.from(sealed, 'base64url'));
    if (one === undefined || other === undefined) throw new TypeError('two were sealed');
    for (const at of [12, 28]) {
      const mixed = Buffer.concat([one.subarray(0, at), other.subarray(at)]);
      expect(() => unseal(KEY, mixed.toString('base64url'), CONTEXT)).toThrow();
    }
  });
});
