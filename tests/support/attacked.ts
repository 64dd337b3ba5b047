import { randomBytes } from 'node:crypto';
import { expect } from '@jest/globals';
import { linesOf, readObject } from './command-line.js';
import { query, type Row } from './fastapi.js';
import type { Processes } from './process.js';
import { seen, tally } from './seen.js';
import { createClient, type ServiceClient, tokensOf } from './service-process.js';
import type { TempFolder } from './temp-folder.js';

/** A service that other people's programs are let loose on. */
export interface AttackedService extends ServiceClient {
  /** A new account, whose password is PASSWORD, and its access token. */
  newAccount(username: string): Promise<string>;
  /** The same of an administrator. */
  newAdministrator(username: string): Promise<string>;
  /** All that is known of accounts, and what tables there are. */
  contents(): Promise<Row[]>;
  /**
   * Ends it as an operator would, and gives the status of every answer, by its own log. Throws where one was a fault of
   * ours, where it was no longer there, and where it did not end well.
   */
  end(): Promise<number[]>;
}

export const PASSWORD = 'plum tree in the yard';

/** As an operator sets it up. */
export const IN_PRODUCTION = { NODE_ENV: 'production', ISSUER: 'https://auth.example.com' };
/** Without what would keep a program from trying all that it has: limits, and the price of a log-in. */
export const UNPROTECTED = { NODE_ENV: 'test', RATE_LIMIT: 'off', BCRYPT_ROUNDS: '4' };

/** The service as it is shipped, in a process and on a SQLite file of its own. */
export async function startAttacked(
  processes: Processes,
  folder: TempFolder,
  settings: Readonly<Record<string, string>>,
): Promise<AttackedService> {
  const all = {
    SECRET_KEY: randomBytes(64).toString('base64url'),
    ROOT_KEY: randomBytes(64).toString('base64url'),
    DATABASE_URL: 'sqlite:lingomateai.db',
    ...settings,
  };
  const server = await processes.startServer({ cwd: folder.path, settings: all });
  const client = createClient(server.url);
  const logIn = async (username: string): Promise<string> =>
    tokensOf(await client.send('POST', '/token', { body: { username, password: PASSWORD } })).access;
  const register = async (username: string): Promise<void> => {
    expect((await client.send('POST', '/register', { body: { username, password: PASSWORD } })).status).toBe(201);
  };
  return {
    ...client,
    newAccount: async (username) => {
      await register(username);
      return logIn(username);
    },
    newAdministrator: async (username) => {
      await register(username);
      const granting = processes.runFile('src/cli/index.ts', { cwd: folder.path, settings: all, args: ['admin', 'grant', username] });
      expect(await granting.finished).toMatchObject({ code: 0 });
      return logIn(username);
    },
    contents: async () => [
      ...(await query(folder.file('lingomateai.db'), 'SELECT * FROM users ORDER BY id')),
      ...(await query(folder.file('lingomateai.db'), 'SELECT name, sql FROM sqlite_master ORDER BY name')),
    ],
    end: async () => {
      const { code, stdout } = await server.end('SIGTERM');
      expect(code).toBe(0);
      const requests = linesOf(stdout)
        .map(readObject)
        .filter(({ msg }) => msg === 'request');
      const statuses = requests.map(({ status }) => Number(status));
      seen(`the service answered ${tally(statuses)}`);
      expect(requests.filter(({ status }) => Number(status) >= 500)).toEqual([]);
      return statuses;
    },
  };
}
