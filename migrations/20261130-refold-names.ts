import { QueryTypes } from 'sequelize';
import { foldEmail } from '../src/lib/email-address.js';
import { foldName } from '../src/lib/names.js';
import type { Migration, MigrationContext } from './migration.js';

/** So many rows are read at once. */
const PAGE = 1000;
/** An adopted table may have ids below 0. */
const BEFORE_IDS = Number.MIN_SAFE_INTEGER;
/** A report names so many accounts. */
const ACCOUNTS_SHOWN = 20;

interface UserRow {
  readonly id: number;
  readonly username: string;
  readonly username_fold: string | null;
  readonly lookalike_fold: string | null;
  readonly email: string | null;
  readonly email_fold: string | null;
  readonly verified_email_fold: string | null;
  readonly display_name: string | null;
  readonly display_name_fold: string | null;
}

/** An account that has lost a fold to an earlier one. */
type Loser = Pick<UserRow, 'id' | 'username'>;

/**
 * Names are compared by full case folding from here on, and addresses with their domain in A-labels, so that two accounts may
 * have one fold now. Each keeps its name: the lower id keeps the fold, and the other becomes a look-alike, which is matched to
 * the letter. Of an address that two have verified the first to verify it stays its owner.
 */
async function up(context: MigrationContext): Promise<void> {
  const lookalikes: Loser[] = [];
  const unverified: Loser[] = [];
  await eachUser(context, async (user) => {
    lookalikes.push(...(await refoldUsername(context, user)));
    unverified.push(...(await refoldEmail(context, user)));
    const fold = user.display_name === null ? null : foldName(user.display_name);
    if (fold !== user.display_name_fold) await update(context, user.id, { display_name_fold: fold });
  });
  await refoldOutbox(context);
  if (lookalikes.length > 0) {
    context.report(`${lookalikes.length} accounts now look like an earlier one and are matched to the letter: ${listed(lookalikes)}`);
  }
  if (unverified.length > 0) {
    context.report(
      `${unverified.length} accounts share a verified e-mail address with an earlier one; theirs is unverified now: ${listed(unverified)}`,
    );
  }
}

async function eachUser({ sequelize, transaction }: MigrationContext, visit: (user: UserRow) => Promise<void>): Promise<void> {
  for (let after: number | undefined = BEFORE_IDS; after !== undefined;) {
    const users: UserRow[] = await sequelize.query<UserRow>(
      `SELECT id, username, username_fold, lookalike_fold, email, email_fold, verified_email_fold, display_name, display_name_fold
       FROM users WHERE id > CAST($after AS BIGINT) ORDER BY id LIMIT ${PAGE}`,
      { type: QueryTypes.SELECT, bind: { after }, transaction },
    );
    for (const user of users) await visit(user);
    after = users.length === PAGE ? users.at(-1)?.id : undefined;
  }
}

/**
 * Writes the fold of a username. A later account that has the same fold already is made a look-alike: what it was folded to is
 * what its name folds to now, so that nothing else has to change there.
 */
async function refoldUsername(context: MigrationContext, user: UserRow): Promise<Loser[]> {
  const { id, username } = user;
  const fold = foldName(username);
  if (fold === (user.username_fold ?? user.lookalike_fold)) return [];
  const asLookalike = { username_fold: null, lookalike_fold: fold };
  if (user.username_fold === null) {
    await update(context, id, asLookalike);
    return [];
  }
  const [other] = await select<Loser>(context, 'SELECT id, username FROM users WHERE username_fold = $fold AND id <> $id', { fold, id });
  if (other !== undefined && other.id < id) {
    await update(context, id, asLookalike);
    return [{ id, username }];
  }
  if (other !== undefined) await update(context, other.id, asLookalike);
  await update(context, id, { username_fold: fold });
  return other === undefined ? [] : [other];
}

/** Writes the folds of an address and what is bound to it. Its one-time tokens stay good as long as it stays verified. */
async function refoldEmail(context: MigrationContext, user: UserRow): Promise<Loser[]> {
  const { id, username, email, email_fold: before } = user;
  const fold = email === null ? null : foldEmail(email);
  if (fold === null || fold === before) return [];
  await update(context, id, { email_fold: fold });
  await write(context, 'UPDATE auth_one_time_tokens SET email_fold = $fold WHERE user_id = $id AND email_fold = $before', {
    fold,
    id,
    before,
  });
  if (user.verified_email_fold === null) return [];
  const owners = await select<Loser>(
    context,
    `SELECT id, username FROM users WHERE verified_email_fold = $fold OR id = $id
     ORDER BY email_verified_at IS NULL, email_verified_at, id`,
    { fold, id },
  );
  const [owner, loser] = owners;
  if (loser !== undefined) await update(context, loser.id, { verified_email_fold: null, email_verified_at: null });
  if (owner?.id === id) await update(context, id, { verified_email_fold: fold });
  return loser === undefined ? [] : [loser.id === id ? { id, username } : loser];
}

async function refoldOutbox(context: MigrationContext): Promise<void> {
  for (let after: string | undefined = ''; after !== undefined;) {
    const mails: { id: string; recipient: string; recipient_fold: string | null }[] = await select(
      context,
      `SELECT id, recipient, recipient_fold FROM auth_outbox WHERE recipient IS NOT NULL AND id > $after ORDER BY id LIMIT ${PAGE}`,
      { after },
    );
    for (const { id, recipient, recipient_fold } of mails) {
      const fold = foldEmail(recipient);
      if (fold !== recipient_fold) await write(context, 'UPDATE auth_outbox SET recipient_fold = $fold WHERE id = $id', { fold, id });
    }
    after = mails.length === PAGE ? mails.at(-1)?.id : undefined;
  }
}

type Bind = Record<string, string | number | null>;

const select = <T extends object>({ sequelize, transaction }: MigrationContext, sql: string, bind: Bind): Promise<T[]> =>
  sequelize.query<T>(sql, { type: QueryTypes.SELECT, bind, transaction });

async function write({ sequelize, transaction }: MigrationContext, sql: string, bind: Bind): Promise<void> {
  await sequelize.query(sql, { bind, transaction });
}

const update = (context: MigrationContext, id: number, values: Bind): Promise<void> => {
  const assignments = Object.keys(values).map((column) => `${column} = $${column}`);
  return write(context, `UPDATE users SET ${assignments.join(', ')} WHERE id = $id`, { ...values, id });
};

const listed = (accounts: readonly Loser[]): string => {
  const shown = accounts.slice(0, ACCOUNTS_SHOWN).map(({ id, username }) => `${JSON.stringify(username)} (id ${id})`);
  return `${shown.join(', ')}${accounts.length > ACCOUNTS_SHOWN ? ', …' : ''}`;
};

/** Leaves the folds as they are: the earlier form of each can be made of its name, but which accounts were parted is not known. */
const down = (): Promise<void> => Promise.resolve();

export const refoldNames: Migration = { name: '20261130-refold-names', up, down };
