import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { parseDatabaseUrl } from '../../config/database.js';
import { createDatabase, type Database, databaseFault } from '../../src/adapters/database.js';
import { migrate } from '../../src/adapters/migrator.js';
import { openRaw } from '../../src/adapters/sqlite-file.js';
import { AppError } from '../../src/errors/app-error.js';
import { useTempFolder } from '../support/temp-folder.js';

const folder = useTempFolder();
const file = (): string => folder.file('auth.db');

describe('a SQLite file', () => {
  const openOnes = ({ sequelize }: Database): number => {
    const connections: unknown = Reflect.get(sequelize.connectionManager, 'connections');
    if (typeof connections !== 'object' || connections === null) throw new TypeError('Sequelize keeps its connections elsewhere');
    return Object.keys(connections).length;
  };

  test('keeps no connection open for a transaction that could not begin', async () => {
    const patient = createDatabase({ dialect: 'sqlite', file: file() });
    await migrate(patient);
    const hasty = createDatabase({ dialect: 'sqlite', file: file() }, { waitMs: 20 });
    await hasty.ping();
    const holder = await openRaw(file(), { write: true });
    await holder.all('BEGIN IMMEDIATE');
    // Sequelize says on the console that what never began can't be rolled back.
    const said = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    const refuse = () => expect(hasty.transaction(() => Promise.resolve())).rejects.toThrow(/SQLITE_BUSY/);
    await refuse();
    const before = openOnes(hasty);
    for (let round = 0; round < 10; round += 1) await refuse();
    expect(openOnes(hasty)).toBe(before);
    said.mockRestore();
    await holder.all('ROLLBACK');
    await holder.close();
    await expect(hasty.transaction(() => Promise.resolve('done'))).resolves.toBe('done');
    await Promise.all([patient.close(), hasty.close()]);
  });

  test('refuses a write behind one that hangs, and never begins it', async () => {
    const database = createDatabase({ dialect: 'sqlite', file: file() });
    await migrate(database);
    const short = createDatabase({ dialect: 'sqlite', file: file() }, { waitMs: 200 });
    let release = (): void => undefined;
    const hanging = short.transaction(() => new Promise<void>((done) => (release = done)));
    let begun = false;
    const behind = short.transaction(() => {
      begun = true;
      return Promise.resolve();
    });
    await expect(behind).rejects.toMatchObject({ code: 'unavailable' });
    release();
    await hanging;
    await expect(short.transaction(() => Promise.resolve('next'))).resolves.toBe('next');
    expect(begun).toBe(false);
    await Promise.all([database.close(), short.close()]);
  });
});

describe('a PostgreSQL server', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  const NO_TLS = Buffer.from('N');
  /** A server that answers so and is gone, by default that it has no TLS; resolves with what a client says first. */
  async function plainServer(host: string, answer = NO_TLS): Promise<{ port: number; first: Promise<Buffer> }> {
    const server = createServer();
    servers.push(server);
    const first = new Promise<Buffer>((done) => {
      server.on('connection', (socket) => {
        socket.on('error', () => undefined);
        socket.once('data', (data) => {
          done(data);
          socket.end(answer);
        });
      });
    });
    server.listen(0, host);
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port');
    return { port: address.port, first };
  }
  const SSL_REQUEST = Buffer.from('0000000804d2162f', 'hex');

  async function greet(url: string): Promise<unknown> {
    const target = parseDatabaseUrl(url);
    if (target === undefined) throw new TypeError(`${url} is no database`);
    const database = createDatabase(target);
    try {
      return await database.ping().then(
        () => undefined,
        (error: unknown) => error,
      );
    } finally {
      await database.close();
    }
  }

  test.each(['require', 'verify-full'])('that has no TLS is told nothing where sslmode is %s', async (mode) => {
    const { port, first } = await plainServer('127.0.0.1');
    const fault = await greet(`postgres://auth:secret@127.0.0.1:${port}/auth?sslmode=${mode}`);
    expect(databaseFault(fault)).toBeInstanceOf(AppError);
    expect((await first).equals(SSL_REQUEST)).toBe(true);
  });

  test('is asked for no TLS where nothing is said', async () => {
    const { port, first } = await plainServer('127.0.0.1');
    await greet(`postgres://auth@127.0.0.1:${port}/auth`);
    expect((await first).includes('user\0auth\0database\0auth\0')).toBe(true);
  });

  test('that ends a connection at the moment at which it has made it is a fault, and not the end of this process', async () => {
    const message = (kind: string, content: string): Buffer => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(4 + content.length);
      return Buffer.concat([Buffer.from(kind), length, Buffer.from(content)]);
    };
    const [welcome, ready] = [message('R', '\0\0\0\0'), message('Z', 'I')];
    const farewell = message('E', 'SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0');
    const { port } = await plainServer('127.0.0.1', Buffer.concat([welcome, ready, farewell]));
    const fault = await greet(`postgres://auth@127.0.0.1:${port}/auth`);
    expect(databaseFault(fault)).toMatchObject({ code: 'unavailable' });
  });

  test('is found at an address of IPv6', async () => {
    const { port, first } = await plainServer('::1');
    await greet(`postgres://auth@[::1]:${port}/auth`);
    expect((await first).includes('database\0auth')).toBe(true);
  });
});
