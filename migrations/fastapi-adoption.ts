import { type ModelAttributes, QueryTypes } from 'sequelize';
import { foldName } from '../src/lib/names.js';
import type { MigrationContext } from './migration.js';

/** The columns that the FastAPI original's `users` table has. */
export const FASTAPI_COLUMNS = ['id', 'username', 'hashed_password'] as const;

/** How many names a line of the report lists. */
const NAMES_SHOWN = 20;

/** SQL: `nameless-` and the id, and something random behind it where somebody has that very name. */
const NAME_FOR_NAMELESS = `'nameless-' || id || CASE WHEN EXISTS (SELECT 1 FROM users AS other WHERE other.username = 'nameless-' || users.id) THEN '-' || lower(hex(randomblob(8))) ELSE '' END`;

const quote = (identifier: string): string => `"${identifier.replaceAll('"', '""')}"`;

/** Whether this database is a SQLite file whose users table the FastAPI original made. */
export async function isFastApiTable(context: MigrationContext): Promise<boolean> {
  if (context.sequelize.getDialect() !== 'sqlite') return false;
  const names = (await tableInfo(context)).map((column) => column.name);
  return FASTAPI_COLUMNS.every((name) => names.includes(name));
}

interface ColumnInfo {
  name: string;
  type: string;
  notnull: number;
  dflt_value: string | null;
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
  select(context, `SELECT name, type, "notnull", dflt_value FROM pragma_table_info('users')`);

/** A column that a team has added, as it is to stand in the new table. */
interface KeptColumn {
  readonly from: string;
  readonly to: string;
  readonly definition: string;
}

/** With its default and its foreign key; NOT NULL only where a default lets us add users who know nothing of it. */
async function keptColumns(context: MigrationContext, ownNames: ReadonlySet<string>): Promise<KeptColumn[]> {
  const foreignKeys = await select<ForeignKey>(
    context,
    `SELECT "from", "table", "to", on_update, on_delete FROM pragma_foreign_key_list('users')`,
  );
  const added = (await tableInfo(context)).filter(({ name }) => !FASTAPI_COLUMNS.some((original) => original === name));
  return added.map(({ name, type, notnull, dflt_value }) => {
    const key = foreignKeys.find((one) => one.from === name);
    const target =
      key &&
      `REFERENCES ${quote(key.table)}${key.to === null ? '' : `(${quote(key.to)})`} ON UPDATE ${key.on_update} ON DELETE ${key.on_delete}`;
    const rules = dflt_value === null ? [] : [...(notnull ? ['NOT NULL'] : []), `DEFAULT (${dflt_value})`];
    return {
      from: quote(name),
      to: quote(ownNames.has(name) ? `fastapi_${name}` : name),
      definition: [type, ...rules, target ?? ''].join(' '),
    };
  });
}

/**
 * Moves the FastAPI original's users into our table: every user keeps id, name and hash, and columns, triggers and
 * indexes that a team has added stay. The table is built anew, as SQLite can't make the ids of an existing one
 * unrepeatable (AUTOINCREMENT); foreign keys must be off on this connection, or dropping the old one would cascade.
 */
export async function adoptUsers(context: MigrationContext, columns: ModelAttributes): Promise<void> {
  const { sequelize, queryInterface, transaction, report } = context;
  const run = (sql: string): Promise<unknown> => sequelize.query(sql, { transaction });
  await assertNames(context);
  const copy = await context.keepCopy();

  const kept = await keptColumns(context, new Set(Object.keys(columns)));
  const attached = await select<{ sql: string }>(
    context,
    "SELECT sql FROM sqlite_master WHERE tbl_name = 'users' AND sql IS NOT NULL AND (type = 'trigger' OR type = 'index' AND name NOT IN ('ix_users_id', 'ix_users_username'))",
  );

  await queryInterface.createTable('users_adopted', columns, { transaction });
  for (const { to, definition } of kept) await run(`ALTER TABLE users_adopted ADD COLUMN ${to} ${definition}`);
  const now = new Date().toISOString().replace('T', ' ').replace('Z', ' +00:00');
  await run(
    `INSERT INTO users_adopted (id, username, hashed_password, hash_truncates, roles, created_at, updated_at${kept.map(({ to }) => `, ${to}`).join('')})
     SELECT id, coalesce(username, ${NAME_FOR_NAMELESS}), hashed_password, coalesce(hashed_password GLOB '$2[aby]$*', 0), '["user"]', '${now}', '${now}'${kept.map(({ from }) => `, ${from}`).join('')}
     FROM users`,
  );
  const lookalikes = await writeFolds(context);

  // The new table takes the old one's name; tables, views and triggers around that speak of "users" must not be rewritten.
  await run('PRAGMA legacy_alter_table=ON');
  await run('DROP TABLE users');
  await run('ALTER TABLE users_adopted RENAME TO users');
  await run('PRAGMA legacy_alter_table=OFF');
  for (const { sql } of attached) await run(sql);

  const [total] = await select<{ users: number; unreadable: number }>(
    context,
    'SELECT count(*) AS users, count(*) FILTER (WHERE hash_truncates = 0) AS unreadable FROM users',
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
  if (total !== undefined && total.unreadable > 0)
    report(`${total.unreadable} of them have no bcrypt hash and can't log in until they get a new password`);
  for (const { from, to } of kept.filter((column) => column.from !== column.to))
    report(`The column ${from} is now ${to}, as we have one of that name`);
  report(`The file as it was is kept at ${copy}`);
}

/** The original's index let no name stand twice; without it nobody can tell whose log-in a name would be. */
async function assertNames(context: MigrationContext): Promise<void> {
  const [doubled] = await select<{ ids: string }>(
    context,
    'SELECT group_concat(id) AS ids FROM users GROUP BY username HAVING count(username) > 1',
  );
  if (doubled) throw new Error(`the users with the ids ${doubled.ids} have the same name. Give each a name of its own`);
  const [binary] = await select<{ id: number }>(context, "SELECT id FROM users WHERE typeof(username) = 'blob'");
  if (binary) throw new Error(`the name of the user with the id ${binary.id} is not text. Give them a name that is`);
}

/** Gives each name its fold: the first id to have one owns it, later ones are its look-alikes. Returns those. */
async function writeFolds(context: MigrationContext): Promise<{ id: number; username: string }[]> {
  const owned = new Set<string>();
  const lookalikes: { id: number; username: string }[] = [];
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
