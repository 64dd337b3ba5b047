import { openRaw } from '../src/adapters/sqlite-file.js';
import { foldName } from '../src/lib/names.js';

const FIRST_NAMES =
  'Ada Aisha Ana Anders Björn Carla Chidi Dana Emeka Emil Fatima Finn Grace Hana Ines Ivan José Kaito Lena Liam Lucía Maja Marek Mei Mohamed Nadia Noah Olga Omar Priya Quentin Rosa Sara Søren Tariq Uma Vera Wei Yusuf Zoë'.split(
    ' ',
  );
const LAST_NAMES =
  'Adams Andersen Bauer Becker Castro Chen Costa Diallo Dubois Evans Fischer García Haddad Hansen Ito Ivanova Jensen Khan Kim Kowalski Larsen López Martin Meyer Müller Nguyen Novák Okafor Park Patel Quist Rossi Santos Schmidt Silva Tanaka Umar Vargas Weber Young'.split(
    ' ',
  );
/** How many users have one first name with another last name. */
const PAIRS = FIRST_NAMES.length * LAST_NAMES.length;
const ADMINS = 36;

/** What the user of that number is called, the first being 1: a first name, a last name and the number. */
export function usernameOf(number: number): string {
  const first = FIRST_NAMES[scatter(number) % FIRST_NAMES.length] ?? '';
  const last = LAST_NAMES[Math.floor(scatter(number) / FIRST_NAMES.length) % LAST_NAMES.length] ?? '';
  return `${foldName(first)}.${foldName(last)}${number}`;
}

/** What users of one first name have in common. */
export const firstNames: readonly string[] = FIRST_NAMES.map(foldName);

/** A number that neighbours don't share, so that names, roles and states have nothing to do with each other. The SQL below computes the same. */
const FACTOR = 7919;
const scatter = (number: number): number => (number * FACTOR) % 1_000_003;

const quoted = (names: readonly string[]): string => `'${JSON.stringify(names.map((name) => [name, foldName(name)]))}'`;
const list = (names: readonly string[]): string =>
  `(SELECT key, value ->> 0 AS name, value ->> 1 AS fold FROM json_each(${quoted(names)}))`;

/** So many users beside the one that is there, with that one's hash: nine in ten claim an address, three in four have a display name, one in five is disabled. */
const usersSql = (count: number): string => `
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count}),
  first AS MATERIALIZED ${list(FIRST_NAMES)},
  last AS MATERIALIZED ${list(LAST_NAMES)},
  scattered AS (SELECT n, (n * ${FACTOR}) % 1000003 AS s FROM numbers),
  people AS (
    SELECT n, s, first.name || ' ' || last.name AS display, first.fold || ' ' || last.fold AS display_fold,
      first.fold || '.' || last.fold || n AS username,
      CASE WHEN s / ${PAIRS} % 10 < 9 THEN first.fold || '.' || last.fold || n || CASE s % 3 WHEN 0 THEN '@example.com' ELSE '@mail.example' END END AS email
    FROM scattered
    CROSS JOIN first ON first.key = s % ${FIRST_NAMES.length}
    CROSS JOIN last ON last.key = s / ${FIRST_NAMES.length} % ${LAST_NAMES.length}
  )
INSERT INTO users (username, username_fold, hashed_password, email, email_fold, verified_email_fold, email_verified_at, display_name, display_name_fold, roles, disabled_at, created_at, updated_at)
SELECT username, username, (SELECT hashed_password FROM users WHERE id = 1), email, email, iif(s % 2, email, NULL), iif(s % 2 AND email IS NOT NULL, made, NULL),
  iif(s / 7 % 4, display, NULL), iif(s / 7 % 4, display_fold, NULL),
  CASE WHEN n % ${Math.floor(count / ADMINS)} = 5 THEN '["user","admin"]' WHEN s / 11 % 50 = 0 THEN '["user","support"]' ELSE '["user"]' END,
  iif(s / 13 % 5 = 0, made, NULL), made, made
FROM people, (SELECT strftime('%Y-%m-%d %H:%M:%f +00:00', 'now') AS made)`;

/** A session of each of them, opened a moment ago. */
const SESSIONS = `
INSERT INTO auth_sessions (id, user_id, ip, user_agent, amr, counter, refused_through, replaced, rotated_at, version, created_at, last_used_at, expires_at, ends_at)
SELECT lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-' || hex(randomblob(2)) || '-' || hex(randomblob(2)) || '-' || hex(randomblob(6))),
  id, '192.0.2.' || (id % 250), 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', '["pwd"]', 1, 0, '[]', made, 1, made, made,
  strftime('%Y-%m-%d %H:%M:%f +00:00', 'now', '14 days'), strftime('%Y-%m-%d %H:%M:%f +00:00', 'now', '90 days')
FROM users, (SELECT strftime('%Y-%m-%d %H:%M:%f +00:00', 'now') AS made) WHERE id > 1`;

/** Fills a migrated file, in which user 1 is, with users and a session of each, and makes user 1 an administrator. Nobody else may have it open. */
export async function fill(file: string, count: number): Promise<void> {
  const connection = await openRaw(file, { write: true });
  try {
    for (const sql of ['PRAGMA synchronous=OFF', 'PRAGMA cache_size=-400000', 'BEGIN']) await connection.all(sql);
    // An index is made faster than it is kept.
    const indexes = await connection.all(
      "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name IN ('users', 'auth_sessions') AND sql IS NOT NULL",
    );
    for (const { name } of indexes) await connection.all(`DROP INDEX "${String(name)}"`);
    await connection.all(usersSql(count));
    await connection.all(SESSIONS);
    await connection.all(`UPDATE users SET roles = '["user","admin"]' WHERE id = 1`);
    for (const { sql } of indexes) await connection.all(String(sql));
    for (const sql of ['COMMIT', 'PRAGMA wal_checkpoint(TRUNCATE)']) await connection.all(sql);
  } finally {
    await connection.close();
  }
}
