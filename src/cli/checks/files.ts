import { existsSync, statSync } from 'node:fs';
import { type DatabaseTarget, keyFileOf } from '../../../config/index.js';
import { isFile } from '../../adapters/database.js';
import { isMountPoint } from '../../adapters/mounted-file.js';
import { databaseFiles, describeFiles, mountWarning } from '../../adapters/private-file.js';
import { fail, type Finding, ok, warn } from './finding.js';

/** Checks that the files of a SQLite database and its key file are accessible to their owner alone, and whose they are. */
export function checkFiles(target: DatabaseTarget): Finding[] {
  if (!isFile(target) || process.getuid === undefined) return [];
  const keyFile = keyFileOf(target);
  const files = describeFiles([...databaseFiles(target.file), ...(keyFile === undefined ? [] : [keyFile])]);
  const user = serviceUser(target.file, process.getuid());
  const foreign = files.filter(({ owner }) => owner !== user).map(({ file }) => file);
  const shared = files.filter(({ isShared }) => isShared).map(({ file }) => file);
  const found = [
    ...(foreign.length === 0
      ? []
      : [fail('files', `${foreign.join(', ')}: not owned by the user of the service (uid ${user}). Run chown on them`)]),
    ...(isMountPoint(target.file) ? [warn('files', mountWarning(target.file))] : []),
    ...(shared.length === 0 ? [] : [warn('files', `${shared.join(', ')}: accessible to other users. Run chmod 600 on them`)]),
  ];
  return found.length > 0 || files.length === 0 ? found : [ok('files', 'accessible to their owner alone')];
}

/** The user id that the files should have: this process's own, or under root that of the database file. */
const serviceUser = (file: string, own: number): number => (own === 0 && existsSync(file) ? statSync(file).uid : own);
