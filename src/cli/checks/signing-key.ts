import { stat } from 'node:fs/promises';
import type { Config } from '../../../config/index.js';
import type { Services } from '../../container.js';
import { WRONG_ROOT_KEY } from '../../services/installation.service.js';
import { fail, type Finding, ok, warn } from './finding.js';

const DAY_MS = 24 * 60 * 60 * 1000;
/** As long as somebody who has it unnoticed may go on. */
const MOST_DAYS = 180;

const daysSince = (time: Date): number => Math.floor((Date.now() - time.getTime()) / DAY_MS);

/** How old the key pair that signs is. Throws StartError where ROOT_KEY does not open it. */
export async function checkKeyPair({ keys }: Services): Promise<Finding> {
  const signing = (await keys.list()).find((key) => key.signing);
  if (signing === undefined) return ok('signing-key', 'the first start makes it');
  keys.signing();
  const days = daysSince(signing.createdAt);
  const told = `${signing.kid} (${signing.algorithm}) is ${days} days old`;
  return days > MOST_DAYS ? warn('signing-key', `${told}. Run lingomate-auth keys rotate`) : ok('signing-key', told);
}

/** Checks that ROOT_KEY is the one that the database is used with. */
export async function checkRootKey({ installation }: Services): Promise<Finding> {
  const found = await installation.matchRootKey();
  if (found === 'none') return fail('root-key', WRONG_ROOT_KEY);
  if (found === 'previous') return warn('root-key', 'the database is still used with ROOT_KEY_PREVIOUS. The next start changes that');
  return ok('root-key', found === 'current' ? 'it is the one that the database is used with' : 'the next start keeps its fingerprint');
}

/** How old a shared secret that was made here is; that of a setting is not known. */
export async function checkSecret({ algorithm, secretKeyFile }: Config['token']): Promise<Finding> {
  if (secretKeyFile === undefined) return ok('signing-key', `${algorithm} signs with SECRET_KEY`);
  const kept = await stat(secretKeyFile).catch(() => undefined);
  if (kept === undefined) return ok('signing-key', `the first start makes it and keeps it in ${secretKeyFile}`);
  const days = daysSince(kept.mtime);
  const told = `${secretKeyFile} is ${days} days old`;
  if (days <= MOST_DAYS) return ok('signing-key', told);
  return warn('signing-key', `${told}. Set SECRET_KEY to a new key, and SECRET_KEY_PREVIOUS to the one in the file`);
}
