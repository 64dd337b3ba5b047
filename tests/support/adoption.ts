import { readdirSync } from 'node:fs';
import { createDatabase } from '../../src/adapters/database.js';
import { migrate, type MigrationReport } from '../../src/adapters/migrator.js';
import type { TestAuth } from '../../src/testing.js';
import { createAppOn } from './sqlite-app.js';
import { useTempFolder } from './temp-folder.js';

export interface Adoption {
  /** Where each test puts the FastAPI original's database. */
  readonly file: () => string;
  /** The paths of what is there beside the file and the two that SQLite keeps with it. */
  readonly copies: () => string[];
  /** One start on the file. */
  readonly adopt: () => Promise<MigrationReport>;
  /** The service on the adopted file, for as long as the work takes. */
  readonly withApp: <T>(work: (auth: TestAuth) => Promise<T>, settings?: Record<string, string>) => Promise<T>;
}

/** A folder of its own for each test of the calling suite, with a place for a database to adopt. */
export function useAdoption(): Adoption {
  const folder = useTempFolder();
  const file = (): string => folder.file('lingomateai.db');
  return {
    file,
    copies: () =>
      readdirSync(folder.path)
        .filter((name) => !/^lingomateai\.db(-wal|-shm)?$/.test(name))
        .map((name) => folder.file(name)),
    adopt: async () => {
      const database = createDatabase({ dialect: 'sqlite', file: file() });
      try {
        return await migrate(database);
      } finally {
        await database.close();
      }
    },
    withApp: async (work, settings = {}) => {
      const auth = await createAppOn(file(), settings);
      try {
        return await work(auth);
      } finally {
        await auth.close();
      }
    },
  };
}
