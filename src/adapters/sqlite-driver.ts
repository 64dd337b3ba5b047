import { createRequire } from 'node:module';
import { types } from 'node:util';
import type sqlite3 from 'sqlite3';
import { StartError } from '../errors/start-error.js';

const require = createRequire(import.meta.url);

/** Loads sqlite3 and its binary when the first SQLite database needs it. Throws StartError where the binary is missing. */
export function sqliteDriver(): typeof sqlite3 {
  let driver: unknown;
  try {
    driver = require('sqlite3');
  } catch (error) {
    const reason = types.isNativeError(error) ? error.message.split('\n', 1)[0] : String(error);
    throw new StartError(
      `SQLite needs the binary of sqlite3, which cannot be loaded (${reason}). Get it with npm rebuild sqlite3; with pnpm, pnpm approve-builds`,
      { cause: error },
    );
  }
  if (!isDriver(driver)) throw new TypeError('sqlite3 exports its Database');
  return driver;
}

const isDriver = (value: unknown): value is typeof sqlite3 => typeof value === 'object' && value !== null && 'Database' in value;
