import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { createReadStream, closeSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import type { DerivedKeys } from '../lib/derived-key.js';
import { statOf, unusable } from './backup-file.js';

/** Names the format and its version. The MAC covers it, so that a seal is valid for one format alone. */
const FORMAT = 'lingomate-auth backup 2';
/** The seal stands at the end of a backup, where neither SQLite nor pg_restore looks. */
const SEAL = /\nlingomate-auth backup 2 ([0-9a-f]{16}) ([0-9a-f]{64})\n$/;
/** Versions before ROOT_KEY sealed backups wrote an unkeyed digest, which anyone can make. */
const DIGEST = /\nlingomate-auth sha256 [0-9a-f]{64}\n$/;
const LONGEST_SEAL_BYTES = 256;

/** Appends the seal: an HMAC-SHA-256 over format, key id and content. Returns the SHA-256 of the whole file, in hexadecimal. */
export async function sealBackup(draft: string, keys: DerivedKeys): Promise<string> {
  const keyId = keyIdOf(keys.current);
  const [mac, hash] = [createHmac('sha256', keys.current).update(headOf(keyId)), createHash('sha256')];
  await readInto(draft, statSync(draft).size, (chunk) => {
    mac.update(chunk);
    hash.update(chunk);
  });
  const seal = `\n${FORMAT} ${keyId} ${mac.digest('hex')}\n`;
  const descriptor = openSync(draft, 'a');
  try {
    writeSync(descriptor, seal);
  } finally {
    closeSync(descriptor);
  }
  return hash.update(seal).digest('hex');
}

/**
 * Verifies the seal of a backup and returns the length of its content in bytes. With `unsealed`, a backup without a seal,
 * or with that of another ROOT_KEY, is accepted. Throws `validation_failed` where it is not, and where the content is not
 * what was sealed.
 */
export async function verifySeal(file: string, shown: string, keys: DerivedKeys, { unsealed }: { unsealed: boolean }): Promise<number> {
  const { size } = statOf(file, shown);
  const end = readEnd(file, size);
  const [seal, keyId = '', expected = ''] = SEAL.exec(end) ?? [];
  if (seal === undefined) {
    if (!unsealed) throw unusable(shown, `has no seal of this service, so that nobody can tell where it comes from. ${REMEDY}`);
    return size - (DIGEST.exec(end)?.[0].length ?? 0);
  }
  const content = size - seal.length;
  const key = keys.all.find((one) => keyIdOf(one) === keyId);
  if (key === undefined) {
    if (!unsealed) throw unusable(shown, `is sealed under another ROOT_KEY. Set that one as ROOT_KEY or ROOT_KEY_PREVIOUS. ${REMEDY}`);
    return content;
  }
  const mac = createHmac('sha256', key).update(headOf(keyId));
  await readInto(file, content, (chunk) => mac.update(chunk));
  if (!timingSafeEqual(mac.digest(), Buffer.from(expected, 'hex'))) throw unusable(shown, 'is damaged, or was changed since it was sealed');
  return content;
}

const REMEDY = 'Only if you trust the file, restore it with --unsealed';

const headOf = (keyId: string): string => `${FORMAT} ${keyId}\n`;

/** Tells keys apart and reveals nothing of them. */
const keyIdOf = (key: Buffer): string => createHmac('sha256', key).update('key id').digest('hex').slice(0, 16);

function readEnd(file: string, size: number): string {
  const end = Buffer.alloc(Math.min(size, LONGEST_SEAL_BYTES));
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, end, 0, end.length, size - end.length);
  } finally {
    closeSync(descriptor);
  }
  return end.toString('latin1');
}

async function readInto(file: string, bytes: number, take: (chunk: Buffer) => void): Promise<void> {
  if (bytes > 0) for await (const chunk of createReadStream(file, { end: bytes - 1 })) if (Buffer.isBuffer(chunk)) take(chunk);
}
