import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DataTypes, QueryTypes, Sequelize } from 'sequelize';
import { AppError } from '../../src/errors/app-error.js';
import { createLogger, loggablePath, type Logger } from '../../src/observability/logger.js';
import { moduleUrl, useProcesses } from '../support/process.js';
import { useTempFolder } from '../support/temp-folder.js';

const CANARY = 'canary-Zq8-never-to-be-seen';

/** What one use of the logger writes. */
function logged(use: (logger: Logger) => void): string {
  let output = '';
  const destination = {
    write: (line: string) => {
      output += line;
    },
  };
  use(createLogger({ level: 'trace', readable: false, destination }));
  return output;
}

describe('secrets', () => {
  const members = [
    'password',
    'new_password',
    'current_password',
    'hashed_password',
    'token',
    'access_token',
    'refresh_token',
    'mfa_token',
    'code',
    'recovery_code',
    'secret',
    'secretKey',
    'previousSecretKey',
    'rootKey',
    'SECRET_KEY',
    'SECRET_KEY_PREVIOUS',
    'ROOT_KEY',
    'DATABASE_URL',
    'authorization',
    'cookie',
  ];

  test.each(members)('%s is blotted out at any depth', (name) => {
    const secret = { [name]: CANARY, kept: 'told' };
    const shapes = [secret, { a: secret }, { a: { b: { c: { d: secret } } } }];
    for (const shape of shapes) {
      const output = logged((logger) => {
        logger.info(shape, 'said');
      });
      expect(output).not.toContain(CANARY);
      expect(output).toContain('[redacted]');
      expect(output).toContain('told');
    }
  });

  test('a secret in a list is blotted out too', () => {
    const output = logged((logger) => {
      logger.info({ list: [{ password: CANARY }], a: { lists: [[{ b: { token: CANARY } }]] } });
    });
    expect(output).not.toContain(CANARY);
  });

  test('a secret that is no string is blotted out too', () => {
    const output = logged((logger) => {
      logger.info({ password: { typed: CANARY }, token: [CANARY] });
    });
    expect(output).not.toContain(CANARY);
  });

  test('a secret in whatever else can hold one is blotted out too', () => {
    class Holder {
      readonly password = CANARY;
    }
    const bare: unknown = Object.assign(Object.create(null), { token: CANARY });
    const shown = { toJSON: () => ({ secret: CANARY }) };
    const itself: Record<string, unknown> = { cookie: CANARY };
    itself['again'] = itself;
    const output = logged((logger) => {
      for (const holder of [new Holder(), bare, shown, itself]) logger.info({ holder, list: [holder] });
    });
    expect(output).not.toContain(CANARY);
    expect(output.trim().split('\n')).toHaveLength(4);
  });

  test('a time is told as one', () => {
    const output = logged((logger) => {
      logger.info({ at: new Date(0) });
    });
    expect(output).toContain('"at":"1970-01-01T00:00:00.000Z"');
  });

  test('what is logged is not changed by that', () => {
    const facts = { user: { password: CANARY } };
    logged((logger) => {
      logger.info(facts);
    });
    expect(facts).toEqual({ user: { password: CANARY } });
  });
});

describe('errors', () => {
  const sequelize = new Sequelize({ dialect: 'sqlite', storage: ':memory:', logging: false });
  const Thing = sequelize.define('thing', { name: { type: DataTypes.TEXT, unique: true } });
  beforeAll(() => sequelize.sync());
  afterAll(() => sequelize.close());

  const failed = async (work: Promise<unknown>): Promise<Error> => {
    const fault: unknown = await work.then(
      () => undefined,
      (error: unknown) => error,
    );
    if (!(fault instanceof Error)) throw new TypeError('it was meant to fail');
    return fault;
  };

  test('a statement that fails is told without itself and its values', async () => {
    await Thing.create({ name: CANARY });
    const faults = [
      await failed(Thing.create({ name: CANARY })),
      await failed(sequelize.query('INSERT INTO nowhere (name) VALUES ($name)', { bind: { name: CANARY } })),
      await failed(
        sequelize.query('SELECT * FROM nowhere WHERE name = :name', { replacements: { name: CANARY }, type: QueryTypes.SELECT }),
      ),
    ];
    for (const fault of faults) {
      for (const err of [
        fault,
        new AppError('username_taken', { cause: fault }),
        new Error('outer', { cause: new Error('inner', { cause: fault }) }),
      ]) {
        const output = logged((logger) => {
          logger.error({ err }, 'it failed');
          logger.error(err);
        });
        expect(output).not.toContain(CANARY);
        expect(output).not.toMatch(/INSERT INTO|SELECT \*/);
      }
    }
  });

  test('an error is told with its type, message, stack and cause', () => {
    const err = new AppError('unavailable', { cause: new TypeError('the reason') });
    const line: unknown = JSON.parse(
      logged((logger) => {
        logger.error({ err }, 'it failed');
      }),
    );
    expect(line).toMatchObject({
      level: 'error',
      msg: 'it failed',
      err: {
        type: 'AppError',
        reason: 'unavailable',
        stack: expect.stringContaining('logger.test'),
        cause: { type: 'TypeError', message: 'the reason' },
      },
    });
  });

  test('errors that are each other’s cause end', () => {
    const one = new Error('one');
    const other = new Error('other', { cause: one });
    one.cause = other;
    expect(
      logged((logger) => {
        logger.error({ err: one }, 'in a circle');
      }),
    ).toContain('in a circle');
  });
});

describe('lines', () => {
  const folder = useTempFolder();
  const processes = useProcesses();
  const FORGED = 'ada\r\n{"level":"info","msg":"forged"}\nforged';

  test('CR LF in a value or in a message starts no new line', () => {
    const output = logged((logger) => {
      logger.info({ username: FORGED, [FORGED]: 1 }, FORGED);
    });
    expect(output.split('\n')).toHaveLength(2);
    expect(output).not.toContain('\r');
  });

  test('in readable lines neither', async () => {
    const text = `
      import { createLogger } from ${JSON.stringify(moduleUrl('src/observability/logger.ts'))};
      const logger = createLogger({ level: 'info', readable: true });
      logger.info({ username: ${JSON.stringify(FORGED)}, deep: { name: ${JSON.stringify(FORGED)} } }, 'first');
      logger.info(${JSON.stringify(FORGED)});
      logger.flush();`;
    const { stdout, code } = await processes.runModule(text, { cwd: folder.path }).finished;
    expect(code).toBe(0);
    expect(stdout.trimEnd().split(/\r\n|[\r\n]/)).toHaveLength(2);
  });

  test('each line is one JSON object with its time in UTC and its level by name', () => {
    const line: unknown = JSON.parse(
      logged((logger) => {
        logger.warn({ user_id: 1 }, 'said');
      }),
    );
    expect(line).toEqual({ level: 'warn', time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/), user_id: 1, msg: 'said' });
  });
});

describe('loggablePath', () => {
  const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl';
  test.each([
    ['/token', '/token'],
    ['/', '/'],
    ['', ''],
    ['/users/me/sessions/12', '/users/me/sessions/12'],
    ['/token?password=canary', '/token'],
    ['/verify-token/canary', '/verify-token/[redacted]'],
    ['/verify-token/can/ary', '/verify-token/[redacted]'],
    ['/verify-token/canary?x=canary', '/verify-token/[redacted]'],
    ['/VERIFY-TOKEN/canary', '/VERIFY-TOKEN/[redacted]'],
    ['/auth/verify-token/canary', '/auth/verify-token/[redacted]'],
    ['/verify-token/', '/verify-token/'],
    [`/anything/${jwt}`, '/anything/[redacted]'],
    [`/${jwt}/anything`, '/[redacted]/anything'],
    ['/eyJhbGciOi', '/[redacted]'],
    [`/password/reset/${'x'.repeat(33)}`, '/password/reset/[redacted]'],
  ])('%s is logged as %s', (url, path) => {
    expect(loggablePath(url)).toBe(path);
  });

  test('a long path is cut', () => {
    expect(loggablePath('/abc'.repeat(1000)).length).toBeLessThanOrEqual(256);
  });
});
