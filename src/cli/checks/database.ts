import { statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type DatabaseTarget, describeTarget } from '../../../config/index.js';
import type { DatabaseState } from '../../adapters/inspection.js';
import { isFile } from '../../adapters/database.js';
import { type Finding, fail, ok, warn } from './finding.js';

const MEGABYTE = 1e6;
/** Of free disk: below the one there is time to act, below the other writes will fail soon. */
const LITTLE_MEGABYTES = 1000;
const TOO_LITTLE_MEGABYTES = 100;

/** Whether the database is there, sound, of today's schema, and takes writes. */
export function checkDatabase(target: DatabaseTarget, state: DatabaseState): Finding[] {
  const where = describeTarget(target);
  if (target.dialect === 'sqlite' && !isFile(target)) {
    return [warn('database', 'it is in memory and gone when the process ends. Name a file in DATABASE_URL')];
  }
  if (!state.exists) return [warn('database', `${where} is not there: the first start makes it. If it should be, mend DATABASE_URL`)];
  if (state.refusal !== undefined) return [fail('database', state.refusal)];
  return [
    ok('database', `${where} answers`),
    ...(isFile(target) ? [ok('integrity', 'quick_check found nothing wrong')] : []),
    checkSchema(state),
    checkWritable(where, state),
  ];
}

function checkSchema({ pending }: DatabaseState): Finding {
  if (pending.length === 0) return ok('schema', 'up to date');
  return warn('schema', `${pending.join(', ')} still to be applied. Run lingomate-auth migrate; the next start would, too`);
}

function checkWritable(where: string, { obstacle }: DatabaseState): Finding {
  if (obstacle === undefined) return ok('writable', `${where} takes writes`);
  return fail('writable', `${where} takes no writes (${obstacle}). Make it, and the folder of a file, writable for this user`);
}

/** Room beside a SQLite file. Nothing is found where the data lies elsewhere, or the folder is missing. */
export async function checkDisk(target: DatabaseTarget): Promise<Finding[]> {
  if (!isFile(target)) return [];
  const folder = dirname(resolve(target.file));
  const space = await statfs(folder).catch(() => undefined);
  if (space === undefined) return [];
  const free = Math.floor((space.bavail * space.bsize) / MEGABYTE);
  const told = `${free} MB are free in ${folder}`;
  if (free < TOO_LITTLE_MEGABYTES) return [fail('disk', `${told}. Make room before writes fail`)];
  return [free < LITTLE_MEGABYTES ? warn('disk', `${told}. Make room`) : ok('disk', told)];
}
