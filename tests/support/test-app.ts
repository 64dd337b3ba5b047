import { randomBytes } from 'node:crypto';
import type { Express } from 'express';
import pg from 'pg';
import supertest from 'supertest';
import type { Overrides } from '../../src/container.js';
import type { SettingsInput } from '../../src/index.js';
import { createLogger } from '../../src/observability/logger.js';
import { createTestAuth, type TestAuth } from '../../src/testing.js';
import { watched } from './openapi-check.js';

/** Where the suites run: SQLite in memory, or the PostgreSQL server that TEST_DATABASE_URL names. */
const SERVER = process.env['TEST_DATABASE_URL'];

/** A PostgreSQL schema of its own, as a DATABASE_URL; `drop` removes it. */
export async function freshSchema(server: string): Promise<{ url: string; drop(): Promise<void> }> {
  const schema = `t_${randomBytes(6).toString('hex')}`;
  const run = async (sql: string): Promise<void> => {
    const client = new pg.Client({ connectionString: server });
    await client.connect();
    await client.query(sql);
    await client.end();
  };
  await run(`CREATE SCHEMA ${schema}`);
  const url = new URL(server);
  url.searchParams.set('options', `-c search_path=${schema}`);
  return { url: url.toString(), drop: () => run(`DROP SCHEMA ${schema} CASCADE`) };
}

/** Roles beside the built-in ones, each with a scope of its name. */
const ROLES = JSON.stringify({ editor: ['editor'], introspect: ['introspect'] });

export interface TestApp extends Omit<TestAuth, 'app'> {
  /** Watched: `close` fails if any answer did not fit the OpenAPI document. */
  readonly app: Express;
  /** Every line that was logged. */
  readonly log: string[];
  /** A new supertest request. */
  http(): ReturnType<typeof supertest>;
}

/** A whole service for one suite, on the database that the run is for. */
export async function createTestApp(settings: SettingsInput = {}, overrides: Partial<Overrides> = {}): Promise<TestApp> {
  const schema = SERVER === undefined ? undefined : await freshSchema(SERVER);
  const keys = { SECRET_KEY: randomBytes(64).toString('base64url'), ROOT_KEY: randomBytes(48).toString('base64url') };
  const log: string[] = [];
  const logger = createLogger({ level: 'trace', readable: false, destination: { write: (line) => log.push(line) } });
  const auth = await createTestAuth(
    { ROLES, ...(schema ? { DATABASE_URL: schema.url } : {}), ...keys, ...settings },
    { logger, ...overrides },
  );
  const document: unknown = (await supertest(auth.app).get('/openapi.json')).body;
  const { app, violations } = watched(auth.app, document);
  return {
    ...auth,
    app,
    log,
    http: () => supertest(app),
    close: async () => {
      await auth.close();
      await schema?.drop();
      if (violations.length > 0) throw new Error(`answers that do not fit the OpenAPI document:\n${[...new Set(violations)].join('\n')}`);
    },
  };
}
