import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { QueryTypes } from 'sequelize';
import { migrations } from '../../migrations/index.js';
import { createDatabase, type Database } from '../../src/adapters/database.js';
import { migrate } from '../../src/adapters/migrator.js';
import { openTarget, type TestTarget, targets } from '../support/test-database.js';

const NAME = '20261130-refold-names';

/** How names and addresses were folded before. */
const formerFold = (text: string): string => text.normalize('NFKC').toLowerCase().normalize('NFKC');

interface Former {
  readonly id: number;
  readonly username: string;
  readonly lookalike?: true;
  readonly email?: string;
  readonly verifiedAt?: string;
  readonly displayName?: string;
}

describe.each(targets.filter((kind) => kind !== 'SQLite in memory'))('the migration that refolds names on %s', (kind) => {
  let target: TestTarget;
  let database: Database;
  beforeEach(async () => {
    target = await openTarget(kind);
    database = createDatabase(target.target);
    await migrate(
      database,
      migrations.slice(
        0,
        migrations.findIndex(({ name }) => name === NAME),
      ),
    );
  });
  afterEach(async () => {
    await database.close();
    await target.drop();
  });

  const run = (sql: string, bind: Record<string, unknown> = {}): Promise<unknown> => database.sequelize.query(sql, { bind });
  const select = (sql: string): Promise<object[]> => database.sequelize.query(sql, { type: QueryTypes.SELECT });
  const add = async ({ id, username, lookalike, email, verifiedAt, displayName }: Former): Promise<void> => {
    const [fold, mailFold] = [formerFold(username), email === undefined ? null : formerFold(email)];
    await run(
      `INSERT INTO users (id, username, username_fold, lookalike_fold, email, email_fold, verified_email_fold, email_verified_at,
                          display_name, display_name_fold, hash_truncates, roles, created_at, updated_at)
       VALUES ($id, $username, $fold, $like, $email, $mailFold, $verifiedFold, $verifiedAt, $displayName, $displayFold, false, '["user"]', $now, $now)`,
      {
        id,
        username,
        fold: lookalike === true ? null : fold,
        like: lookalike === true ? fold : null,
        email: email ?? null,
        mailFold,
        verifiedFold: verifiedAt === undefined ? null : mailFold,
        verifiedAt: verifiedAt ?? null,
        displayName: displayName ?? null,
        displayFold: displayName === undefined ? null : formerFold(displayName),
        now: '2026-01-01 00:00:00.000 +00:00',
      },
    );
  };
  const names = () => select('SELECT id, username_fold AS fold, lookalike_fold AS alike FROM users ORDER BY id');

  it('lets the lower id keep a fold that two names share now, whichever had it before', async () => {
    await add({ id: -3, username: 'Ada' });
    await add({ id: 1, username: 'νικος.αβ' });
    await add({ id: 2, username: 'ΝΙΚΟΣ.ΑΒ' });
    await add({ id: 3, username: 'STRASSE' });
    await add({ id: 4, username: 'straße' });
    await add({ id: 5, username: 'Straße', lookalike: true });
    const { lines } = await migrate(database);
    expect(await names()).toEqual([
      { id: -3, fold: 'ada', alike: null },
      { id: 1, fold: 'νικοσ.αβ', alike: null },
      { id: 2, fold: null, alike: 'νικοσ.αβ' },
      { id: 3, fold: 'strasse', alike: null },
      { id: 4, fold: null, alike: 'strasse' },
      { id: 5, fold: null, alike: 'strasse' },
    ]);
    expect(lines).toEqual(['2 accounts now look like an earlier one and are matched to the letter: "ΝΙΚΟΣ.ΑΒ" (id 2), "straße" (id 4)']);
  });

  it('lets the first to verify an address keep it; the other’s becomes a claim', async () => {
    await add({ id: 1, username: 'late', email: 'ada@bücher.example', verifiedAt: '2026-02-02 00:00:00.000 +00:00' });
    await add({ id: 2, username: 'early', email: 'ada@xn--bcher-kva.example', verifiedAt: '2026-01-01 00:00:00.000 +00:00' });
    await add({ id: 3, username: 'alone', email: 'bob@bücher.example', verifiedAt: '2026-01-01 00:00:00.000 +00:00' });
    await add({ id: 4, username: 'first', email: 'carol@BÜCHER.example', verifiedAt: '2026-01-01 00:00:00.000 +00:00' });
    await add({ id: 5, username: 'second', email: 'carol@xn--bcher-kva.example', verifiedAt: '2026-02-02 00:00:00.000 +00:00' });
    const { lines } = await migrate(database);
    const found = await select(
      'SELECT id, email, email_fold AS fold, verified_email_fold AS verified, email_verified_at IS NULL AS lost FROM users ORDER BY id',
    );
    const [ada, bob, carol] = ['ada', 'bob', 'carol'].map((name) => `${name}@xn--bcher-kva.example`);
    const [no, yes] = kind === 'PostgreSQL' ? [false, true] : [0, 1];
    expect(found).toEqual([
      { id: 1, email: 'ada@bücher.example', fold: ada, verified: null, lost: yes },
      { id: 2, email: 'ada@xn--bcher-kva.example', fold: ada, verified: ada, lost: no },
      { id: 3, email: 'bob@bücher.example', fold: bob, verified: bob, lost: no },
      { id: 4, email: 'carol@BÜCHER.example', fold: carol, verified: carol, lost: no },
      { id: 5, email: 'carol@xn--bcher-kva.example', fold: carol, verified: null, lost: yes },
    ]);
    expect(lines).toEqual([
      '2 accounts share a verified e-mail address with an earlier one; theirs is unverified now: "late" (id 1), "second" (id 5)',
    ]);
  });

  it('refolds display names, outstanding tokens and mails', async () => {
    await add({ id: 1, username: 'ada', email: 'ada@bücher.example', displayName: 'Straße' });
    const at = '2026-01-01 00:00:00.000 +00:00';
    const fold = 'ada@bücher.example';
    await run(
      `INSERT INTO auth_one_time_tokens (id, user_id, purpose, token_hash, email_fold, created_at, expires_at)
       VALUES ('one', 1, 'email_verification', 'a', $fold, $at, $at), ('two', 1, 'email_verification', 'b', 'former@example.com', $at, $at)`,
      { fold, at },
    );
    await run(
      `INSERT INTO auth_outbox (id, purpose, recipient, recipient_fold, state, attempts, refusals, due_at, created_at)
       VALUES ('one', 'email_verification', $fold, $fold, 'sent', 1, 0, $at, $at), ('two', 'email_verification', NULL, NULL, 'sent', 1, 0, $at, $at)`,
      { fold, at },
    );
    expect((await migrate(database)).lines).toEqual([]);
    expect(await select('SELECT display_name_fold AS fold FROM users')).toEqual([{ fold: 'strasse' }]);
    expect(await select('SELECT email_fold AS fold FROM auth_one_time_tokens ORDER BY id')).toEqual([
      { fold: 'ada@xn--bcher-kva.example' },
      { fold: 'former@example.com' },
    ]);
    expect(await select('SELECT recipient, recipient_fold AS fold FROM auth_outbox ORDER BY id')).toEqual([
      { recipient: fold, fold: 'ada@xn--bcher-kva.example' },
      { recipient: null, fold: null },
    ]);
  });

  it('reads the users in pages, each once', async () => {
    const rows = Array.from({ length: 2500 }, (_, at) => `(${at + 1}, 'maß${at}', 'maß${at}', false, '[]', '2026-01-01', '2026-01-01')`);
    await run(`INSERT INTO users (id, username, username_fold, hash_truncates, roles, created_at, updated_at) VALUES ${rows.join(', ')}`);
    await migrate(database);
    expect(await select("SELECT count(*) AS left FROM users WHERE username_fold LIKE '%ß%'")).toEqual([
      { left: kind === 'PostgreSQL' ? '0' : 0 },
    ]);
    expect(await select('SELECT username_fold AS fold FROM users WHERE id = 2500')).toEqual([{ fold: 'mass2499' }]);
  });
});
