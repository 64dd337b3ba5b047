import { type ModelAttributes, QueryTypes } from 'sequelize';
import { foldName } from '../src/lib/names.js';
import type { MigrationContext } from './migration.js';

/** The columns that the FastAPI original's `users` table has. */
const FASTAPI_COLUMNS = ['id', 'username', 'hashed_password'] as const;

/** Whether a users table of these columns is the FastAPI original's, whatever a team has added. */
export const hasFastApiColumns = (names: readonly string[]): boolean => FASTAPI_COLUMNS.every((name) => names.includes(name));

/** Columns that a team may have added to keep users out, by what they hold for a user who is kept out. */
const KEEPS_OUT = {
  no: ['is_active', 'active', 'is_enabled', 'enabled'],
  yes: ['disabled', 'is_disabled', 'banned', 'is_banned', 'blocked', 'is_blocked', 'deleted', 'is_deleted'],
} as const;
const WRITTEN = { no: "'0', '0.0', 'false', 'f', 'no', 'n', 'off'", yes: "'1', '1.0', 'true', 't', 'yes', 'y', 'on'" } as const;

/** Returns SQL for whether one of a table's columns, by their names, says that the user may not log in. */
export function isKeptOutSql(names: readonly string[]): string {
  const terms = (['no', 'yes'] as const).flatMap((held) =>
    names
      .filter((name) => KEEPS_OUT[held].some((one) => one === nameKey(name)))
      .map((name) => `coalesce(lower(CAST(${quote(name)} AS TEXT)) IN (${WRITTEN[held]}), 0)`),
  );
  return terms.length === 0 ? '0' : `(${terms.join(' OR ')})`;
}

/** SQL for a bcrypt hash above cost 14, which takes more than about one second of one core (docs/decisions/0023-hash-cost.md). */
const TOO_EXPENSIVE = ['$2?$1[5-9]$*', '$2?$[2-9]?$*', '$bcrypt-sha256$*r=1[5-9]$*', '$bcrypt-sha256$*r=[2-9]?$*']
  .map((pattern) => `coalesce(hashed_password GLOB '${pattern}', 0)`)
  .join(' OR ');

/** How many names a line of the report lists. */
const NAMES_SHOWN = 20;

/** SQL: `nameless-` and the id, and something random behind it where somebody has that very name. */
const NAME_FOR_NAMELESS = `'nameless-' || id || CASE WHEN EXISTS (SELECT 1 FROM users AS other WHERE other.username = 'nameless-' || users.id) THEN '-' || lower(hex(randomblob(8))) ELSE '' END`;

const quote = (identifier: string): string => `"${identifier.replaceAll('"', '""')}"`;

/** Whether this database is a SQLite file whose users table the FastAPI original made. */
export async function isFastApiTable(context: MigrationContext): Promise<boolean> {
  if (context.sequelize.getDialect() !== 'sqlite') return false;
  return hasFastApiColumns((await tableInfo(context)).map(({ name }) => name));
}

interface ColumnInfo {
  name: string;
  type: string;
  notnull: number;
  dflt_value: string | null;
  /** 0 for a column that holds a value of its own. */
  hidden: number;
}

interface ForeignKey {
  from: string;
  table: string;
  to: string | null;
  on_update: string;
  on_delete: string;
}

const select = <Row extends object>({ sequelize, transaction }: MigrationContext, sql: string): Promise<Row[]> =>
  sequelize.query<Row>(sql, { type: QueryTypes.SELECT, transaction });

const tableInfo = (context: MigrationContext): Promise<ColumnInfo[]> =>
  select(context, `SELECT name, type, "notnull", dflt_value, hidden FROM pragma_table_xinfo('users')`);

/** SQLite takes names that differ by the case of ASCII letters for one. */
const nameKey = (name: string): string => name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

const isOriginal = (name: string): boolean => FASTAPI_COLUMNS.some((original) => original === nameKey(name));

/** Gives each added column that is called as one of ours another name; SQLite rewrites all that speaks of it. */
export async function makeRoom(context: MigrationContext, ours: readonly string[]): Promise<void> {
  const names = (await tableInfo(context)).map(({ name }) => name);
  const taken = new Set([...ours, ...names.map(nameKey)]);
  for (const name of names.filter((one) => !isOriginal(one) && ours.includes(nameKey(one)))) {
    let free = `fastapi_${nameKey(name)}`;
    while (taken.has(free)) free = `${free}_`;
    taken.add(free);
    await context.sequelize.query(`ALTER TABLE users RENAME COLUMN ${quote(name)} TO ${quote(free)}`, { transaction: context.transaction });
    context.report(`The column ${quote(name)} is now ${quote(free)}, as we have one of that name`);
  }
}

/** A column that a team has added, as it is to stand in the new table. */
interface KeptColumn {
  readonly name: string;
  readonly definition: string;
}

/** With its default and its foreign key; NOT NULL only where a default lets us add users who know nothing of it. */
async function keptColumns(context: MigrationContext): Promise<KeptColumn[]> {
  const foreignKeys = await select<ForeignKey>(
    context,
    `SELECT "from", "table", "to", on_update, on_delete FROM pragma_foreign_key_list('users')`,
  );
  const added = (await tableInfo(context)).filter(({ name }) => !isOriginal(name));
  return added.map(({ name, type, notnull, dflt_value }) => {
    const key = foreignKeys.find((one) => one.from === name);
    const target =
      key &&
      `REFERENCES ${quote(key.table)}${key.to === null ? '' : `(${quote(key.to)})`} ON UPDATE ${key.on_update} ON DELETE ${key.on_delete}`;
    const rules = dflt_value === null ? [] : [...(notnull ? ['NOT NULL'] : []), `DEFAULT (${dflt_value})`];
    return { name: quote(name), definition: [type, ...rules, target ?? ''].join(' ') };
  });
}

/** SQL that makes anew what hangs on the table: triggers, indexes, and the columns that were declared UNIQUE. */
async function attachments(context: MigrationContext): Promise<string[]> {
  const attached = await select<{ sql: string }>(
    context,
    "SELECT sql FROM sqlite_master WHERE lower(tbl_name) = 'users' AND sql IS NOT NULL AND (type = 'trigger' OR type = 'index' AND name NOT IN ('ix_users_id', 'ix_users_username'))",
  );
  const declared = await select<{ name: string; columns: string }>(
    context,
    `SELECT list.name, json_group_array(info.name) AS columns FROM pragma_index_list('users') AS list, pragma_index_info(list.name) AS info
     WHERE list.origin = 'u' GROUP BY list.name`,
  );
  const unique = declared
    .map(({ columns }) => namesIn(columns))
    .filter((names) => !(names.length === 1 && names.every(isOriginal)))
    .map((names) => `CREATE UNIQUE INDEX ${quote(`users_${names.join('_')}_unique`)} ON users (${names.map(quote).join(', ')})`);
  return [...attached.map(({ sql }) => sql), ...unique];
}

function namesIn(json: string): string[] {
  const names: unknown = JSON.parse(json);
  return Array.isArray(names) ? names.map(String) : [];
}

/** Rules that stand in the text of the old table alone are told, as nothing else tells them. */
async function reportLostRules(context: MigrationContext): Promise<void> {
  const [table] = await select<{ sql: string }>(context, "SELECT sql FROM sqlite_master WHERE type = 'table' AND lower(name) = 'users'");
  const lost = ['CHECK', 'COLLATE'].filter((word) => new RegExp(`\\b${word}\\b`, 'i').test(table?.sql ?? ''));
  if (lost.length > 0) context.report(`Its users table had a ${lost.join(' and a ')} of its own, which the new one has not`);
}

/**
 * Moves the FastAPI original's users into our table: every user keeps id, name and hash, and columns, triggers and
 * indexes that a team has added stay. The table is built anew, as SQLite can't make the ids of an existing one
 * unrepeatable (AUTOINCREMENT); foreign keys must be off on this connection, or dropping the old one would cascade.
 */
export async function adoptUsers(context: MigrationContext, columns: ModelAttributes): Promise<void> {
  const { sequelize, queryInterface, transaction } = context;
  const run = (sql: string): Promise<unknown> => sequelize.query(sql, { transaction });
  await assertMovable(context);
  const copy = await context.keepCopy();

  await makeRoom(context, Object.keys(columns));
  const kept = await keptColumns(context);
  const attached = await attachments(context);
  await reportLostRules(context);

  await queryInterface.createTable('users_adopted', columns, { transaction });
  for (const { name, definition } of kept) await run(`ALTER TABLE users_adopted ADD COLUMN ${name} ${definition}`);
  const now = new Date().toISOString().replace('T', ' ').replace('Z', ' +00:00');
  const further = kept.map(({ name }) => `, ${name}`).join('');
  const isKeptOut = isKeptOutSql((await tableInfo(context)).map(({ name }) => name));
  await run(
    `INSERT INTO users_adopted (id, username, hashed_password, hash_truncates, roles, disabled_at, created_at, updated_at${further})
     SELECT id, coalesce(username, ${NAME_FOR_NAMELESS}), hashed_password,
            coalesce(hashed_password GLOB '$2[aby]$*' OR hashed_password GLOB '$bcrypt-sha256$v=2,*', 0), '["user"]',
            CASE WHEN ${isKeptOut} THEN '${now}' END, '${now}', '${now}'${further}
     FROM users`,
  );
  const lookalikes = await writeFolds(context);

  // The new table takes the old one's name; tables, views and triggers around that speak of "users" must not be rewritten.
  await run('PRAGMA legacy_alter_table=ON');
  await run('DROP TABLE users');
  await run('ALTER TABLE users_adopted RENAME TO users');
  await run('PRAGMA legacy_alter_table=OFF');
  for (const sql of attached) await run(sql);

  await reportAdopted(context, lookalikes, copy);
}

/** Reports what only the users themselves or their administrator can complete. */
async function reportAdopted(context: MigrationContext, lookalikes: readonly Lookalike[], copy: string): Promise<void> {
  const { report } = context;
  const [total] = await select<{ users: number; disabled: number; unreadable: number; expensive: number }>(
    context,
    `SELECT count(*) AS users, count(disabled_at) AS disabled,
            count(*) FILTER (WHERE NOT coalesce(hash_truncates, 0)) AS unreadable,
            count(*) FILTER (WHERE ${TOO_EXPENSIVE}) AS expensive
     FROM users`,
  );
  report(`Adopted ${total?.users ?? 0} users of the FastAPI original: each keeps id, name and password`);
  if (lookalikes.length > 0) {
    const shown = lookalikes
      .slice(0, NAMES_SHOWN)
      .map(({ id, username }) => `${JSON.stringify(username)} (id ${id})`)
      .join(', ');
    report(
      `${lookalikes.length} of them look like an earlier name and are matched to the letter: ${shown}${lookalikes.length > NAMES_SHOWN ? ', …' : ''}`,
    );
  }
  if (total !== undefined && total.disabled > 0)
    report(`${total.disabled} of them are disabled, as a column of theirs such as is_active or disabled says`);
  if (total !== undefined && total.unreadable > 0)
    report(
      `${total.unreadable} of them have no bcrypt hash: where it is of no other form that we know either, they can't log in until they get a new password`,
    );
  if (total !== undefined && total.expensive > 0)
    report(
      `${total.expensive} of them have a hash of a bcrypt cost above 14: it is verified where BCRYPT_ROUNDS is as high, else they have to reset their password`,
    );
  report(`The file as it was is kept at ${copy}`);
}

/** What only its owner can put right. The original's index let no name stand twice: without it nobody can tell whose log-in a name is. */
async function assertMovable(context: MigrationContext): Promise<void> {
  const computed = (await tableInfo(context)).find(({ hidden }) => hidden !== 0);
  if (computed) {
    throw new Error(`the column ${computed.name} is computed from others, which can't be moved. Drop it, and add it again afterwards`);
  }
  const several = await select<{ columns: string }>(
    context,
    `SELECT group_concat("from", ', ') AS columns FROM pragma_foreign_key_list('users') GROUP BY id HAVING count(*) > 1`,
  );
  if (several[0]) {
    throw new Error(
      `the foreign key of ${several[0].columns} together can't be moved. Make the table without it, and add it again afterwards`,
    );
  }
  const [doubled] = await select<{ ids: string }>(
    context,
    'SELECT group_concat(id) AS ids FROM users GROUP BY username HAVING count(username) > 1',
  );
  if (doubled) throw new Error(`the users with the ids ${doubled.ids} have the same name. Give each a name of its own`);
  const [binary] = await select<{ id: number }>(context, "SELECT id FROM users WHERE typeof(username) = 'blob'");
  if (binary) throw new Error(`the name of the user with the id ${binary.id} is not text. Give them a name that is`);
}

interface Lookalike {
  readonly id: number;
  readonly username: string;
}

/** Gives each name its fold: the first id to have one owns it, later ones are its look-alikes. Returns those. */
async function writeFolds(context: MigrationContext): Promise<Lookalike[]> {
  const owned = new Set<string>();
  const lookalikes: Lookalike[] = [];
  for (const { id, username } of await select<{ id: number; username: string }>(
    context,
    'SELECT id, username FROM users_adopted ORDER BY id',
  )) {
    const fold = foldName(username);
    const column = owned.has(fold) ? 'lookalike_fold' : 'username_fold';
    if (owned.has(fold)) lookalikes.push({ id, username });
    owned.add(fold);
    await context.sequelize.query(`UPDATE users_adopted SET ${column} = $fold WHERE id = $id`, {
      bind: { fold, id },
      transaction: context.transaction,
    });
  }
  return lookalikes;
}
