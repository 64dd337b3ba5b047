import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../lib/clock.js';
import { deriveKeys, type RootKeys } from '../../lib/derived-key.js';

/** How long a device is known after its last log-in. */
export const DEVICE_SECONDS = 365 * 24 * 60 * 60;

/** The device's own random name, when it logged in, and an HMAC-SHA256 over both, the user and the password's hash. */
const FORM = /^([A-Za-z0-9_-]{22})\.([1-9]\d{0,10})\.([A-Za-z0-9_-]{43})$/;
const NAME_BYTES = 16;

/** Whose device it is. Another hash of the password makes all of theirs unknown: whoever knew an earlier one could have any number. */
export interface Owner {
  readonly id: number;
  readonly hashed_password: string | null;
}

/**
 * Devices on which a user has logged in, by a cookie that they bear (OWASP's device cookies). It says nobody's name, opens
 * nothing, and is good for its user alone: it only lets them try while strangers have to wait.
 */
export interface Devices {
  /** A cookie for a device on which that user has just logged in; it keeps the name that it showed, where that was ours. */
  issue(owner: Owner, shown: string | undefined): string;
  /** The name of the device, where the cookie is one of ours for that user; undefined otherwise. */
  recognise(owner: Owner, shown: string | undefined): string | undefined;
}

export function createDevices({ rootKeys, clock }: { rootKeys: RootKeys; clock: Clock }): Devices {
  const keys = deriveKeys(rootKeys, 'device cookie');
  const write = (key: Buffer, { id, hashed_password }: Owner, name: string, seconds: number): string => {
    const mac = createHmac('sha256', key)
      .update(`${id}.${name}.${seconds}.${hashed_password ?? ''}`)
      .digest('base64url');
    return `${name}.${seconds}.${mac}`;
  };
  const recognise: Devices['recognise'] = (owner, shown = '') => {
    const [, name, seconds] = FORM.exec(shown) ?? [];
    if (name === undefined || seconds === undefined) return undefined;
    const isOurs = keys.all.some((key) => {
      const written = write(key, owner, name, Number(seconds));
      return written.length === shown.length && timingSafeEqual(Buffer.from(written), Buffer.from(shown));
    });
    return isOurs && clock.now() < (Number(seconds) + DEVICE_SECONDS) * 1000 ? name : undefined;
  };
  return {
    recognise,
    issue: (owner, shown) => {
      const name = recognise(owner, shown) ?? randomBytes(NAME_BYTES).toString('base64url');
      return write(keys.current, owner, name, Math.floor(clock.now() / 1000));
    },
  };
}
