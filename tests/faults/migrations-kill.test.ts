import { describe, expect, test } from '@jest/globals';
import { migrations } from '../../migrations/index.js';
import { createDatabase } from '../../src/adapters/database.js';
import { migrate } from '../../src/adapters/migrator.js';
import { change, placeFastApiDatabase, query } from '../support/fastapi.js';
import { type Child, moduleUrl, useProcesses } from '../support/process.js';
import { seen } from '../support/seen.js';
import { useTempFolder } from '../support/temp-folder.js';

const folder = useTempFolder();
const processes = useProcesses();
const file = (): string => folder.file('auth.db');
const MANY_MS = 300_000;
/** Loading takes longer than migrating: so many load at once. */
const AT_ONCE = 4;

/**
 * A process that migrates `auth.db` as a start does, once it is told a number: when it comes to its statement of that number
 * it does what `atThat` says. It says how many there were, where it gets to the end.
 */
const migrator = (atThat: string): Child =>
  processes.runModule(
    `import { once } from 'node:events';
     import { createRequire } from 'node:module';
     import { createDatabase } from ${JSON.stringify(moduleUrl('src/adapters/database.ts'))};
     import { migrate } from ${JSON.stringify(moduleUrl('src/adapters/migrator.ts'))};
     const { Sequelize } = createRequire(${JSON.stringify(moduleUrl('package.json'))})('sequelize');
     const last = Number(String(await once(process.stdin, 'data')));
     const run = Sequelize.prototype.query;
     let statements = 0;
     Sequelize.prototype.query = async function (...statement) {
       statements += 1;
       if (statements === last) { ${atThat} }
       return run.apply(this, statement);
     };
     const database = createDatabase({ dialect: 'sqlite', file: process.cwd() + '/auth.db' });
     const { applied } = await migrate(database);
     console.log(applied.length + ' migrations in ' + statements + ' statements');
     process.exit();`,
    { cwd: folder.path },
  );
const KILLED = 'process.kill(process.pid, "SIGKILL"); await new Promise(() => undefined);';
const HANGING = 'console.log("in the middle"); await new Promise(() => undefined);';

const start = async (): Promise<readonly string[]> => {
  const database = createDatabase({ dialect: 'sqlite', file: file() });
  return (await migrate(database).finally(() => database.close())).applied;
};
const stateOf = () => query(file(), 'SELECT name, sql FROM sqlite_master ORDER BY name');
const usersOf = () => query(file(), 'SELECT id, username, hashed_password FROM users ORDER BY id');

describe('a migration that is killed', () => {
  test(
    'before any of its statements leaves the database as it was, and the next start finishes it',
    async () => {
      await placeFastApiDatabase(file());
      const [schema, users] = [await stateOf(), await usersOf()];
      const whole = migrator('');
      whole.write('0\n');
      const { stdout } = await whole.finished;
      expect(stdout).toContain(`${migrations.length} migrations in `);
      const statements = Number(/in (\d+) statements/.exec(stdout)?.[1]);
      const finished = await stateOf();

      const waiting = Array.from({ length: AT_ONCE }, () => migrator(KILLED));
      for (let last = 1; last <= statements; last += 1) {
        const next = waiting.shift();
        if (last + AT_ONCE <= statements) waiting.push(migrator(KILLED));
        await placeFastApiDatabase(file());
        next?.write(`${last}\n`);
        expect(await next?.finished).toEqual({ code: null, stdout: '', stderr: '' });
        expect([await stateOf(), await usersOf()]).toEqual([schema, users]);
        expect(await start()).toHaveLength(migrations.length);
        expect([await stateOf(), await usersOf()]).toEqual([finished, users]);
      }
      expect(statements).toBeGreaterThan(migrations.length);
      seen(`killed before each of ${statements} statements of ${migrations.length} migrations`);
    },
    MANY_MS,
  );

  test('while another process waits for it is finished by that one', async () => {
    await placeFastApiDatabase(file());
    const users = await usersOf();
    const [works, waits] = [migrator(HANGING), migrator('')];
    works.write('20\n');
    await works.printed('in the middle');
    waits.write('0\n');
    await expect(Promise.race([waits.finished, new Promise((done) => setTimeout(done, 500, 'waits'))])).resolves.toBe('waits');
    await works.end('SIGKILL');
    expect(await waits.finished).toMatchObject({ code: 0, stdout: expect.stringContaining(`${migrations.length} migrations`), stderr: '' });
    expect(await usersOf()).toEqual(users);
    expect(await start()).toEqual([]);
  });
});

describe('a server', () => {
  const refusal = async (): Promise<string> => {
    const settings = { DATABASE_URL: `sqlite:${file()}` };
    const { code, stdout, stderr } = await processes.runFile('src/server.ts', { cwd: folder.path, settings }).finished;
    expect({ code, stdout: stdout.replace(/^.*were made and are kept.*\n/, '') }).toEqual({ code: 1, stdout: '' });
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    return stderr;
  };

  test('that is older than the schema refuses to start, names what it does not know, and changes nothing', async () => {
    await start();
    await change(file(), ["INSERT INTO schema_migrations VALUES ('29991231-newer', 'then')"]);
    const before = await stateOf();
    expect(await refusal()).toMatch(/auth\.db comes from a newer version.*29991231-newer.*not touched/);
    expect(await stateOf()).toEqual(before);
  });
});
