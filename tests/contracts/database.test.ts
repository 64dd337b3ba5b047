import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { QueryTypes } from 'sequelize';
import { type Migration, type MigrationContext, migrations } from '../../migrations/index.js';
import { createDatabase, type Database } from '../../src/adapters/database.js';
import { migrate } from '../../src/adapters/migrator.js';
import { StartError } from '../../src/errors/start-error.js';
import { createModels, type Models } from '../../src/models/index.js';
import { openTarget, type TestTarget, targets } from '../support/test-database.js';

const NAMES = migrations.map(({ name }) => name);
/** As a query gives them that sorts. */
const RECORDED = NAMES.toSorted();

describe.each(targets)('the database contract on %s', (kind) => {
  let target: TestTarget;
  let database: Database;
  const open: Database[] = [];
  /** A connection pool of its own on the same database. */
  const connect = (): Database => {
    const another = createDatabase(target.target);
    open.push(another);
    return another;
  };
  beforeEach(async () => {
    target = await openTarget(kind);
    database = connect();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((one) => one.close()));
    await target.drop();
  });

  const recorded = async (on = database): Promise<string[]> => {
    const rows = await on.sequelize.query<{ name: string }>('SELECT name FROM schema_migrations ORDER BY name', {
      type: QueryTypes.SELECT,
    });
    return rows.map(({ name }) => name);
  };
  const exists = (table: string): Promise<boolean> =>
    database.sequelize.query(`SELECT 1 FROM ${table}`).then(
      () => true,
      () => false,
    );
  const userFields = (username: string, username_fold = username) => {
    const now = new Date();
    const fields = { username, username_fold, hashed_password: null, email: '0', email_verified_at: null, disabled_at: null };
    return { ...fields, roles: ['user'], created_at: now, updated_at: now };
  };
  const create = ({ User }: Models, username: string, fold?: string) =>
    database.transaction((transaction) => User.create(userFields(username, fold), { transaction }));

  describe('migrations', () => {
    test('are applied once: a second run does and says nothing', async () => {
      expect((await migrate(database)).applied).toEqual(NAMES);
      expect(await migrate(database)).toEqual({ applied: [], lines: [] });
      expect(await recorded()).toEqual(RECORDED);
    });

    test('go down to nothing, and up again', async () => {
      await migrate(database);
      await database.transaction(async (transaction) => {
        const { sequelize } = database;
        const context: MigrationContext = {
          sequelize,
          transaction,
          queryInterface: sequelize.getQueryInterface(),
          report: () => undefined,
          keepCopy: () => Promise.reject(new TypeError('nothing is adopted here')),
        };
        for (const { down } of migrations.toReversed()) await down(context);
        await sequelize.query('DELETE FROM schema_migrations', { transaction });
      });
      expect(await exists('users')).toBe(false);
      expect((await migrate(database)).applied).toEqual(NAMES);
      expect(await exists('users')).toBe(true);
    });

    test('that throw half-way leave nothing behind, name themselves, and can be run again', async () => {
      const failing: Migration = {
        name: '29991231-half-way',
        up: async ({ sequelize, transaction }) => {
          await sequelize.query('CREATE TABLE half_way (id INTEGER)', { transaction });
          await sequelize.query('INSERT INTO half_way VALUES (1)', { transaction });
          throw new Error('in the middle');
        },
        down: () => Promise.resolve(),
      };
      const run = migrate(database, [...migrations, failing]);
      await expect(run).rejects.toBeInstanceOf(StartError);
      await expect(run).rejects.toThrow(/29991231-half-way.*in the middle/);
      expect([await exists('half_way'), await exists('users'), await exists('schema_migrations')]).toEqual([false, false, false]);
      expect((await migrate(database)).applied).toEqual(NAMES);
    });

    test('that fail in the second run leave what the first one did', async () => {
      await migrate(database);
      await create(createModels(database.sequelize), 'ada');
      const failing: Migration = {
        name: '29991231-half-way',
        up: async ({ sequelize, transaction }) => {
          await sequelize.query('DELETE FROM users', { transaction });
          await sequelize.query('SELECT * FROM nowhere', { transaction });
        },
        down: () => Promise.resolve(),
      };
      await expect(migrate(database, [...migrations, failing])).rejects.toBeInstanceOf(StartError);
      expect(await createModels(database.sequelize).User.count()).toBe(1);
      expect(await recorded()).toEqual(RECORDED);
    });

    test('that this version doesn’t know are those of a newer one, which is refused and left alone', async () => {
      await migrate(database);
      await database.sequelize.query("INSERT INTO schema_migrations (name, applied_at) VALUES ('29991231-newer', 'then')");
      await expect(migrate(database)).rejects.toBeInstanceOf(StartError);
      await expect(migrate(database)).rejects.toThrow(/newer version.*29991231-newer/);
      expect(await recorded()).toEqual([...RECORDED, '29991231-newer']);
    });

    test('are found by the next one to be applied after them', async () => {
      await migrate(database);
      const next: Migration = {
        name: '29991231-next',
        up: async ({ sequelize, transaction }) => {
          await sequelize.query('CREATE TABLE next (id INTEGER)', { transaction });
        },
        down: () => Promise.resolve(),
      };
      expect((await migrate(database, [...migrations, next])).applied).toEqual(['29991231-next']);
      expect(await recorded()).toEqual([...RECORDED, '29991231-next']);
    });

    if (kind !== 'SQLite in memory')
      test('of four that start at once are applied by one, and all four go on', async () => {
        const reports = await Promise.all([database, connect(), connect(), connect()].map((one) => migrate(one)));
        expect(reports.map(({ applied }) => applied.length).sort()).toEqual([0, 0, 0, NAMES.length]);
        expect(await recorded(connect())).toEqual(RECORDED);
      });
  });

  describe('users', () => {
    let models: Models;
    beforeEach(async () => {
      await migrate(database);
      models = createModels(database.sequelize);
    });

    test('get ids that nobody had before, also after the highest one is deleted', async () => {
      const ids: number[] = [];
      for (const name of ['one', 'two', 'three']) {
        const user = await create(models, name);
        ids.push(user.id);
        await database.transaction((transaction) => user.destroy({ transaction }));
      }
      expect(new Set(ids).size).toBe(3);
      expect(ids).toEqual(ids.toSorted((one, other) => one - other));
    });

    test('have each a name and a fold of their own', async () => {
      await create(models, 'Ada', 'ada');
      await expect(create(models, 'Ada', 'other')).rejects.toMatchObject({ name: 'SequelizeUniqueConstraintError' });
      await expect(create(models, 'ADA', 'ada')).rejects.toMatchObject({ name: 'SequelizeUniqueConstraintError' });
      expect(await models.User.count()).toBe(1);
    });

    test('of 20 that come at once under one name, one is there', async () => {
      const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, index) => create(models, `ada-${index}`, 'ada')));
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(await models.User.count()).toBe(1);
    });
  });

  describe('transactions', () => {
    let models: Models;
    beforeEach(async () => {
      await migrate(database);
      models = createModels(database.sequelize);
    });

    /** Reads a number, does something else, and writes one more: what loses updates wherever two interleave. */
    const countUp = (id: number, on = database, { User } = models) =>
      on.transaction(async (transaction) => {
        const user = await User.findByPk(id, { transaction, lock: true, rejectOnEmpty: true });
        await new Promise((done) => setTimeout(done, 2));
        await user.update({ email: String(Number(user.email) + 1) }, { transaction });
      });
    const counted = async (id: number) => (await models.User.findByPk(id))?.email;

    test('20 at once all succeed, and no update is lost', async () => {
      const { id } = await create(models, 'ada');
      await Promise.all(Array.from({ length: 20 }, () => countUp(id)));
      expect(await counted(id)).toBe('20');
    });

    if (kind !== 'SQLite in memory')
      test('20 at once over two pools all succeed, and no update is lost', async () => {
        const { id } = await create(models, 'ada');
        const other = connect();
        const otherModels = createModels(other.sequelize);
        await Promise.all(Array.from({ length: 10 }, () => [countUp(id), countUp(id, other, otherModels)]).flat());
        expect(await counted(id)).toBe('20');
      });

    test('one that throws leaves nothing, throws the same, and those behind it go on', async () => {
      const { id } = await create(models, 'ada');
      const fault = new Error('changed my mind');
      const failing = database.transaction(async (transaction) => {
        await models.User.update({ email: 'lost' }, { where: { id }, transaction });
        await models.User.create(userFields('bob'), { transaction });
        throw fault;
      });
      const behind = countUp(id);
      await expect(failing).rejects.toBe(fault);
      await behind;
      expect(await counted(id)).toBe('1');
      expect(await models.User.count()).toBe(1);
    });

    test('one that fails on a statement is rolled back as well', async () => {
      const { id } = await create(models, 'ada');
      const failing = database.transaction(async (transaction) => {
        await models.User.update({ email: 'lost' }, { where: { id }, transaction });
        await database.sequelize.query('SELECT * FROM nowhere', { transaction });
      });
      await expect(failing).rejects.toThrow(/nowhere/);
      expect(await counted(id)).toBe('0');
    });

    test('they answer with what their work answers', async () => {
      expect(await database.transaction(() => Promise.resolve('done'))).toBe('done');
    });
  });

  test('it answers a ping once it is migrated', async () => {
    await expect(database.ping()).rejects.toThrow();
    await migrate(database);
    await expect(database.ping()).resolves.toBeUndefined();
  });
});
