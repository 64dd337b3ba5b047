import { QueryTypes } from 'sequelize';
import { hashSettingSql } from '../../migrations/20261130-index-hash-settings.js';
import { databaseOf, isPostgres } from './user-kinds.js';
import type { UserModel } from './user.model.js';

/** Bounds the read where an import brought thousands of settings; each takes a few lookups in the index. */
const MAXIMUM_SETTINGS = 1000;
/** Bounds the count of users, which reads an index entry for each. */
export const MAXIMUM_COUNT = 10_000;

/** A user whose stored hash stands for every hash of its setting. */
export interface SampleHash {
  readonly id: number;
  readonly hash: string;
}

/**
 * Returns one stored hash for each setting in use, at most 1,000. The time depends on the number of settings and not on the
 * number of users, as the query jumps from one setting to the next in the index.
 */
export async function hashSettings(User: UserModel): Promise<SampleHash[]> {
  const setting = settingOf(User);
  return databaseOf(User).query<SampleHash>(
    `WITH RECURSIVE settings (setting, place) AS (
       SELECT min(${setting}), 1 FROM users
       UNION ALL
       SELECT (SELECT min(${setting}) FROM users WHERE ${setting} > settings.setting), settings.place + 1
       FROM settings WHERE settings.setting IS NOT NULL AND settings.place < ${MAXIMUM_SETTINGS}
     )
     SELECT users.id, users.hashed_password AS hash
     FROM (
       SELECT (SELECT id FROM users WHERE ${setting} = settings.setting LIMIT 1) AS id FROM settings WHERE setting IS NOT NULL
     ) AS sample
     JOIN users ON users.id = sample.id`,
    { type: QueryTypes.SELECT },
  );
}

/** Returns how many users have a hash of the setting of that user's hash; counts to 10,000. */
export async function countLike(User: UserModel, { id }: SampleHash): Promise<number> {
  const setting = settingOf(User);
  const [counted] = await databaseOf(User).query<{ users: number | string }>(
    `SELECT count(*) AS users
     FROM (SELECT 1 FROM users WHERE ${setting} = (SELECT ${setting} FROM users WHERE id = ${id}) LIMIT ${MAXIMUM_COUNT}) AS alike`,
    { type: QueryTypes.SELECT },
  );
  return Number(counted?.users ?? 0);
}

const settingOf = (User: UserModel): string => hashSettingSql(isPostgres(User) ? 'postgres' : 'sqlite');
