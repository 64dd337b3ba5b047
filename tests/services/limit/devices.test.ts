import { createHmac, hkdfSync } from 'node:crypto';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { movableClock, type MovableClock } from '../../../src/lib/clock.js';
import { createDevices, DEVICE_SECONDS, type Devices } from '../../../src/services/limit/devices.js';
import { alone } from '../../support/root-keys.js';

const ROOT_KEY = 'k'.repeat(64);
const START = Date.UTC(2026, 5, 1, 12);
const ADA = { id: 1, hashed_password: 'a hash' };
const BOB = { id: 2, hashed_password: 'a hash' };

let clock: MovableClock;
let devices: Devices;
beforeEach(() => {
  clock = movableClock(START + 600);
  devices = createDevices({ rootKeys: { current: ROOT_KEY, previous: undefined }, clock });
});

describe('a device’s cookie', () => {
  test('is a name of 128 bits, the second of the log-in and an HMAC, in every version of this service', () => {
    const cookie = devices.issue(ADA, undefined);
    expect(cookie).toMatch(/^[A-Za-z0-9_-]{22}\.\d{10}\.[A-Za-z0-9_-]{43}$/);
    const [name = '', seconds, mac] = cookie.split('.');
    const key = Buffer.from(hkdfSync('sha256', ROOT_KEY, '', 'lingomate-auth device cookie', 32));
    expect(seconds).toBe(String(START / 1000));
    expect(mac).toBe(createHmac('sha256', key).update(`1.${name}.${seconds}.a hash`).digest('base64url'));
    expect(devices.issue(ADA, undefined)).not.toBe(cookie);
  });

  test('is its user’s alone, and this service’s', () => {
    const cookie = devices.issue(ADA, undefined);
    expect(devices.recognise(ADA, cookie)).toBe(cookie.slice(0, 22));
    expect(devices.recognise(BOB, cookie)).toBeUndefined();
    expect(createDevices({ rootKeys: alone('another'), clock }).recognise(ADA, cookie)).toBeUndefined();
  });

  test('is of the password that it was given with: another makes it unknown, and what has none is no wildcard', () => {
    const cookie = devices.issue(ADA, undefined);
    for (const hashed_password of ['another hash', '', null]) {
      expect(devices.recognise({ ...ADA, hashed_password }, cookie)).toBeUndefined();
      expect(devices.issue({ ...ADA, hashed_password }, cookie).slice(0, 22)).not.toBe(cookie.slice(0, 22));
    }
  });

  test('keeps its name at the next log-in, where it was good, and has another where it was not', () => {
    const cookie = devices.issue(ADA, undefined);
    clock.advance(60);
    const next = devices.issue(ADA, cookie);
    expect(next.split('.').slice(0, 2)).toEqual([cookie.slice(0, 22), String(START / 1000 + 60)]);
    for (const shown of [devices.issue(BOB, undefined), `${cookie.slice(0, 22)}.1.${'A'.repeat(43)}`, 'nonsense'])
      expect(devices.issue(ADA, shown).slice(0, 22)).not.toBe(shown.slice(0, 22));
  });

  test('is good for a year after the log-in, and not a moment longer', () => {
    expect(DEVICE_SECONDS).toBe(365 * 24 * 3600);
    const cookie = devices.issue(ADA, undefined);
    clock.set(new Date(START + DEVICE_SECONDS * 1000 - 1));
    expect(devices.recognise(ADA, cookie)).toBe(cookie.slice(0, 22));
    clock.advance(0.001);
    expect(devices.recognise(ADA, cookie)).toBeUndefined();
  });

  test('is none with any one character changed, left out or added', () => {
    const cookie = devices.issue(ADA, undefined);
    for (let at = 0; at < cookie.length; at += 1) {
      const other = cookie[at] === 'A' ? 'B' : 'A';
      for (const changed of [other, '', `${cookie[at] ?? ''}${other}`, '0', 'é'])
        if (changed !== cookie[at]) expect(devices.recognise(ADA, cookie.slice(0, at) + changed + cookie.slice(at + 1))).toBeUndefined();
    }
    for (const shown of [undefined, '', '.', ` ${cookie}`, `${cookie}\n`, `${cookie}=`])
      expect(devices.recognise(ADA, shown)).toBeUndefined();
  });
});
