import { createDatabase, type Database } from '../../src/adapters/database.js';
import { migrate } from '../../src/adapters/migrator.js';
import { movableClock, type MovableClock } from '../../src/lib/clock.js';
import { createModels, type Models } from '../../src/models/index.js';
import { newAccount } from '../../src/services/account/new-account.js';

/** A migrated database in memory with two users, and nothing that runs on it. */
export interface StoredUsers {
  readonly database: Database;
  readonly models: Models;
  readonly clock: MovableClock;
  readonly ada: number;
  readonly bob: number;
}

export async function openStoredUsers(): Promise<StoredUsers> {
  const clock = movableClock(Date.UTC(2026, 5, 1, 12));
  const database = createDatabase({ dialect: 'sqlite', file: ':memory:' });
  await migrate(database);
  const models = createModels(database.sequelize);
  const add = async (username: string): Promise<number> =>
    (
      await models.User.create(
        newAccount({ username, email: null, emailSetByAdmin: false, roles: ['user'], hash: null }, new Date(clock.now())),
      )
    ).id;
  return { database, models, clock, ada: await add('ada'), bob: await add('bob') };
}
