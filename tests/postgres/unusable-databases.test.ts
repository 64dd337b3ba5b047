import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTo, createServer, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createDatabase } from '../../src/adapters/database.js';
import { inspectDatabase } from '../../src/adapters/inspection.js';
import { migrate } from '../../src/adapters/migrator.js';
import { checkDatabase } from '../../src/cli/checks/database.js';
import { StartError } from '../../src/errors/start-error.js';
import { targetOf } from '../support/test-database.js';

const SERVER = process.env['TEST_DATABASE_URL'] ?? 'postgres://unset';

let name: string;
/** A connection of the server's administrator to the database of the test. */
let admin: pg.Client;

const connect = async (url: string): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
};
const onServer = async (...statements: string[]): Promise<void> => {
  const server = await connect(SERVER);
  for (const statement of statements) await server.query(statement);
  await server.end();
};
/** The database of the test, as its role of the same name. */
function urlOf(options?: string, user = name): string {
  const url = new URL(SERVER);
  Object.assign(url, { username: user, password: 'secret', pathname: `/${name}` });
  if (options !== undefined) url.searchParams.set('options', options);
  return url.toString();
}
const create = async (encoding = 'UTF8'): Promise<void> => {
  await onServer(`CREATE DATABASE ${name} OWNER ${name} TEMPLATE template0 ENCODING '${encoding}' LC_COLLATE 'C' LC_CTYPE 'C'`);
  const url = new URL(SERVER);
  url.pathname = `/${name}`;
  admin = await connect(url.toString());
};

beforeEach(async () => {
  name = `t_${randomBytes(6).toString('hex')}`;
  await onServer(`CREATE ROLE ${name} LOGIN PASSWORD 'secret'`);
});
afterEach(async () => {
  await admin.end();
  await onServer(`DROP DATABASE ${name}`, `DROP ROLE ${name}`);
});

/** A proxy that drops `options` from each startup message, as PgBouncer does with `ignore_startup_parameters = options`. */
async function startPooler(): Promise<{ port: number; server: Server }> {
  const { hostname, port } = new URL(SERVER);
  const server = createServer((near) => {
    const far = connectTo(Number(port || 5432), hostname);
    for (const socket of [near, far]) socket.on('error', () => undefined);
    near.once('data', (startup) => {
      const parameters = startup.subarray(8).toString().split('\0');
      const at = parameters.indexOf('options');
      const rest = Buffer.from(parameters.toSpliced(at, 2).join('\0'));
      const head = Buffer.from(startup.subarray(0, 8));
      head.writeUInt32BE(8 + rest.length);
      far.write(Buffer.concat([head, rest]));
      near.pipe(far).pipe(near);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port');
  return { port: address.port, server };
}

/** What a start says, and what `doctor` finds. */
async function judge(url = urlOf()): Promise<{ start: string; doctor: string[] }> {
  const target = targetOf(url);
  const database = createDatabase(target);
  try {
    const state = await inspectDatabase(database);
    const findings = checkDatabase(target, state).filter(({ status }) => status === 'fail');
    const start = await migrate(database).then(
      () => 'started',
      (error: unknown) => (error instanceof StartError ? error.message : `no StartError: ${String(error)}`),
    );
    return { start, doctor: findings.map(({ detail }) => detail) };
  } finally {
    await database.close();
  }
}
async function expectRefusal(reason: RegExp, url?: string): Promise<void> {
  const { start, doctor } = await judge(url);
  expect(start).toMatch(reason);
  expect(start).toMatch(/^DATABASE_URL: postgres:\/\/[^ ]+ /);
  expect(start).not.toContain('secret');
  expect(doctor).toEqual([start]);
}

describe('a start and doctor refuse', () => {
  it('a database whose encoding is not UTF8, with the command that creates one', async () => {
    await create('LATIN1');
    await expectRefusal(/has the encoding LATIN1, and UTF8 is needed.*CREATE DATABASE name TEMPLATE template0 ENCODING 'UTF8'$/);
    expect((await admin.query("SELECT to_regclass('users') AS users")).rows).toEqual([{ users: null }]);
  });

  it('a schema that does not exist', async () => {
    await create();
    await expectRefusal(/no schema of the search_path nowhere\. Create it \(CREATE SCHEMA\)/, urlOf('-c search_path=nowhere'));
  });

  it('a connection whose pooler drops options, with the command that sets the schema on the server', async () => {
    await create();
    await admin.query(`CREATE SCHEMA other AUTHORIZATION ${name}; GRANT ALL ON SCHEMA public TO ${name}`);
    const pooler = await startPooler();
    try {
      const url = new URL(urlOf('-c search_path=other'));
      Object.assign(url, { hostname: '127.0.0.1', port: String(pooler.port) });
      await expectRefusal(
        new RegExp(
          `has the search_path "\\$user", public, and options asks for other: .*ALTER ROLE ${name} IN DATABASE ${name} SET search_path = other$`,
        ),
        url.toString(),
      );
      await admin.query(`ALTER ROLE ${name} IN DATABASE ${name} SET search_path = other`);
      expect((await judge(url.toString())).start).toBe('started');
    } finally {
      pooler.server.close();
    }
  });

  it('tables in another schema than the current one, with both names and the parameter that selects it', async () => {
    await create();
    await admin.query(`GRANT ALL ON SCHEMA public TO ${name}`);
    expect((await judge()).start).toBe('started');
    await admin.query(`CREATE SCHEMA ${name} AUTHORIZATION ${name}`);
    await expectRefusal(
      new RegExp(`tables in the schema public, and ${name} is the current schema .*Add options=-c%20search_path%3Dpublic to the query`),
    );
    expect((await judge(`${urlOf()}?options=-c%20search_path%3Dpublic`)).start).toBe('started');
  });

  it('a users table of another program', async () => {
    await create();
    await admin.query(`GRANT ALL ON SCHEMA public TO ${name}`);
    await admin.query('CREATE TABLE users (id integer)');
    await expectRefusal(/has a users table that is not ours; it was not touched/);
  });

  it('the schema_migrations table of another program', async () => {
    await create();
    await admin.query(`GRANT ALL ON SCHEMA public TO ${name}`);
    await admin.query('CREATE TABLE schema_migrations (version text)');
    await expectRefusal(/has a schema_migrations table that is not ours; it was not touched/);
  });

  it('a role that may not create tables, with the command that lets it', async () => {
    await create();
    await admin.query(`CREATE SCHEMA other; GRANT USAGE ON SCHEMA other TO ${name}`);
    await expectRefusal(new RegExp(`GRANT CREATE ON SCHEMA other TO ${name}$`), urlOf('-c search_path=other'));
  });

  it('a database that is read-only', async () => {
    await create();
    await admin.query(`GRANT ALL ON SCHEMA public TO ${name}`);
    expect((await judge()).start).toBe('started');
    const { start, doctor } = await judge(urlOf('-c default_transaction_read_only=on'));
    expect(start).toMatch(/takes no writes \(default_transaction_read_only is on, or it is a standby\)\. Name the primary server$/);
    expect(doctor).toEqual([expect.stringMatching(/takes no writes/)]);
  });
});

it('a running service is not ready while its database is read-only', async () => {
  await create();
  await admin.query(`GRANT ALL ON SCHEMA public TO ${name}`);
  await judge();
  const database = createDatabase(targetOf(urlOf('-c default_transaction_read_only=on')));
  await expect(database.ping()).rejects.toMatchObject({ original: { code: '25006' } });
  await database.close();
});
