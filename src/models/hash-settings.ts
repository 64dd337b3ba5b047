import { QueryTypes } from 'sequelize';
import { hashSettingSql } from '../../migrations/20261130-index-hash-settings.js';
import { databaseOf, isPostgres } from './user-kinds.js';
import type { UserModel } from './user.model.js';

/** Bounds the read where an import brought thousands of settings; each takes a few lookups in the index. */
const MAXIMUM_SETTINGS = 1000;

/** A stored hash that stands for all of its setting, and how many users have one of that setting. */
export interface CountedHash {
  readonly hash: string;
  readonly users: number;
}

/**
 * Returns one stored hash for each setting in use, at most 1,000. The time depends on the number of settings and not on the
 * number of users, as the query jumps from one setting to the next in the index.
 */
export async function hashSettings(User: UserModel): Promise<string[]> {
  const rows = await databaseOf(User).query<{ hash: string }>(settingsSql(User, ''), { type: QueryTypes.SELECT });
  return rows.map(({ hash }) => hash);
}

/** Returns the same with the number of users of each setting. Reads the index entry of every user. */
export async function countedHashSettings(User: UserModel): Promise<CountedHash[]> {
  const setting = settingOf(User);
  const count = `, (SELECT count(*) FROM users WHERE ${setting} = settings.setting) AS users`;
  const rows = await databaseOf(User).query<{ hash: string; users: number | string }>(settingsSql(User, count), {
    type: QueryTypes.SELECT,
  });
  return rows.map(({ hash, users }) => ({ hash, users: Number(users) }));
}

const settingOf = (User: UserModel): string => hashSettingSql(isPostgres(User) ? 'postgres' : 'sqlite');

function settingsSql(User: UserModel, further: string): string {
  const setting = settingOf(User);
  return `WITH RECURSIVE settings (setting, place) AS (
      SELECT min(${setting}), 1 FROM users
      UNION ALL
      SELECT (SELECT min(${setting}) FROM users WHERE ${setting} > settings.setting), settings.place + 1
      FROM settings WHERE settings.setting IS NOT NULL AND settings.place < ${MAXIMUM_SETTINGS}
    )
    SELECT * FROM (
      SELECT (SELECT hashed_password FROM users WHERE ${setting} = settings.setting LIMIT 1) AS hash${further}
      FROM settings WHERE settings.setting IS NOT NULL
    ) AS found WHERE hash IS NOT NULL`;
}
