import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseDatabaseUrl } from '../../config/database.js';
import { createDatabase } from '../../src/adapters/database.js';
import type { Overrides } from '../../src/container.js';
import type { SettingsInput } from '../../src/index.js';
import { createModels } from '../../src/models/index.js';
import type { SessionModel } from '../../src/models/session.model.js';
import type { UserModel } from '../../src/models/user.model.js';
import { createTestApp, freshSchema, type TestApp } from './test-app.js';

export interface StoredApp extends TestApp {
  /** The users table over a connection of its own, as an operator would open it. */
  readonly users: UserModel;
  /** The table of sessions, likewise. */
  readonly sessions: SessionModel;
}

/** A whole service whose users and sessions a test can read and change. */
export async function createStoredApp(settings: SettingsInput = {}, overrides: Partial<Overrides> = {}): Promise<StoredApp> {
  const place = await freshPlace();
  const auth = await createTestApp({ DATABASE_URL: place.url, ...settings }, overrides);
  const target = parseDatabaseUrl(place.url);
  if (target === undefined) throw new TypeError('not a database');
  const database = createDatabase(target);
  const models = createModels(database.sequelize);
  return {
    ...auth,
    users: models.User,
    sessions: models.Session,
    close: async () => {
      await database.close();
      try {
        await auth.close();
      } finally {
        await place.drop();
      }
    },
  };
}

/** An empty database that outlives the app on it, of the kind that the run is for. */
export async function freshPlace(): Promise<{ url: string; drop(): Promise<void> }> {
  const server = process.env['TEST_DATABASE_URL'];
  if (server !== undefined) return freshSchema(server);
  const folder = await mkdtemp(join(tmpdir(), 'lingomate-auth-'));
  return { url: `sqlite:${join(folder, 'users.db')}`, drop: () => rm(folder, { recursive: true, force: true }) };
}
