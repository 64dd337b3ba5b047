import { randomBytes } from 'node:crypto';
import { createTestAuth, type TestAuth } from '../../src/testing.js';

/** A whole service on one SQLite file, with keys of its own, so that nothing but the database is beside the file. */
export const createAppOn = (file: string, settings: Readonly<Record<string, string>> = {}): Promise<TestAuth> =>
  createTestAuth({
    DATABASE_URL: `sqlite:${file}`,
    SECRET_KEY: randomBytes(64).toString('base64url'),
    ROOT_KEY: randomBytes(64).toString('base64url'),
    ...settings,
  });
