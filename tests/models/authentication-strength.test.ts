import { describe, expect, test } from '@jest/globals';
import { QueryTypes } from 'sequelize';
import { migrations } from '../../migrations/index.js';
import { createDatabase } from '../../src/adapters/database.js';
import { migrate } from '../../src/adapters/migrator.js';
import { createModels } from '../../src/models/index.js';
import { openTarget, targets } from '../support/test-database.js';

const NAME = '20261130-keep-authentication-strength';
const LOGGED_IN = '2026-11-23 09:30:00.123 +00:00';

const INSERT = `
  INSERT INTO auth_sessions (id, user_id, amr, counter, refused_through, replaced, rotated_at, version, created_at, last_used_at, expires_at, ends_at)
  VALUES ($id, 1, '["pwd"]', 1, 0, '[]', $at, 1, $at, $at, $at, $at)`;

describe.each(targets)('the migration that keeps the strength of authentications, on %s', (kind) => {
  test('takes sessions of before for authenticated at their log-in, and rows without a time for long ago', async () => {
    const place = await openTarget(kind);
    const database = createDatabase(place.target);
    const { sequelize } = database;
    const insert = (id: string) => sequelize.query(INSERT, { bind: { id, at: LOGGED_IN } });
    await migrate(
      database,
      migrations.slice(
        0,
        migrations.findIndex(({ name }) => name === NAME),
      ),
    );
    await sequelize.query("INSERT INTO users (username, roles, created_at, updated_at) VALUES ('ada', '[]', $at, $at)", {
      bind: { at: LOGGED_IN },
    });
    await insert('before');
    await migrate(database, migrations);
    await insert('after');

    const sessions = await createModels(sequelize).Session.findAll({ order: [['id', 'DESC']] });
    expect(sessions.map(({ id, acr, authenticated_at }) => [id, acr, authenticated_at.toISOString()])).toEqual([
      ['before', 'aal1', '2026-11-23T09:30:00.123Z'],
      ['after', 'aal1', '1970-01-01T00:00:00.000Z'],
    ]);

    const migration = migrations.find(({ name }) => name === NAME);
    await database.transaction(async (transaction) => {
      const queryInterface = sequelize.getQueryInterface();
      await migration?.down({ sequelize, queryInterface, transaction, report: () => undefined, keepCopy: () => Promise.resolve('') });
    });
    const [row] = await sequelize.query<object>('SELECT * FROM auth_sessions', { type: QueryTypes.SELECT });
    expect(Object.keys(row ?? {})).not.toEqual(expect.arrayContaining(['acr']));
    expect(Object.keys(row ?? {})).not.toEqual(expect.arrayContaining(['authenticated_at']));
    await database.close();
    await place.drop();
  });
});
