import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import bcrypt from 'bcryptjs';
import { loadConfig } from '../../config/index.js';
import { createHasher, type Hasher } from '../../src/adapters/hasher.js';
import { type Container, createContainer } from '../../src/container.js';
import { AppError } from '../../src/errors/app-error.js';
import { movableClock } from '../../src/lib/clock.js';
import { foldName } from '../../src/lib/names.js';
import { createModels, type Models } from '../../src/models/index.js';
import { createLogger } from '../../src/observability/logger.js';
import { CLIENT } from '../support/client.js';
import { openTarget, type TestTarget, targets } from '../support/test-database.js';

const ROUNDS = 6;
const PASSWORD = 'correct horse battery staple';
const EXACT = 'a'.repeat(72);

describe.each(targets)('a log-in on %s', (kind) => {
  let target: TestTarget;
  let container: Container;
  let models: Models;
  /** Set to make every new digest fail. */
  let fullQueue = false;
  const log: string[] = [];
  const clock = movableClock(Date.UTC(2026, 0, 1));

  beforeAll(async () => {
    target = await openTarget(kind);
    const config = loadConfig({
      DATABASE_URL: target.url,
      BCRYPT_ROUNDS: String(ROUNDS),
      SECRET_KEY: randomBytes(64).toString('base64url'),
      ROOT_KEY: randomBytes(64).toString('base64url'),
    });
    const hasher = createHasher(config.password);
    const failing: Hasher = {
      ...hasher,
      digest: (password, recipe) => (fullQueue ? Promise.reject(new AppError('overloaded')) : hasher.digest(password, recipe)),
    };
    const logger = createLogger({ level: 'warn', readable: false, destination: { write: (line) => log.push(line) } });
    container = createContainer(config, { clock, hasher: failing, logger });
    await container.start();
    models = createModels(container.database.sequelize);
  });
  afterAll(async () => {
    await container.close();
    await target.drop();
  });

  /** A user whose hash was made elsewhere. */
  const user = async (username: string, hash: string | null, more: { truncates?: boolean; disabled?: boolean } = {}) => {
    const now = new Date(clock.now());
    const fields = { username, username_fold: foldName(username), hashed_password: hash, hash_truncates: more.truncates ?? false };
    return models.User.create({
      ...fields,
      email: null,
      email_verified_at: null,
      roles: ['user'],
      disabled_at: more.disabled ? now : null,
      created_at: now,
      updated_at: now,
    });
  };
  const stored = async (id: number) => {
    const { hashed_password, hash_truncates, updated_at } = await models.User.findByPk(id, { rejectOnEmpty: true });
    return { hash: hashed_password ?? '', truncates: hash_truncates, updated: updated_at.getTime() };
  };
  const logIn = (username: string, password: string) => container.services.auth.logIn({ username, password }, CLIENT);
  const cheap = (password: string): string => bcrypt.hashSync(password, ROUNDS - 1);

  test('replaces a hash of lower cost, and the same password logs in again', async () => {
    const { id } = await user('lower', cheap(PASSWORD));
    clock.advance(60);
    await logIn('lower', PASSWORD);
    const after = await stored(id);
    expect(after).toEqual({ hash: expect.stringMatching(/^\$2b\$06\$/), truncates: false, updated: clock.now() });
    await logIn('lower', PASSWORD);
    expect(await stored(id)).toEqual(after);
  });

  test('succeeds for each of several at once, of which one replaces the hash', async () => {
    const { id } = await user('several', cheap(PASSWORD));
    const grants = await Promise.all(Array.from({ length: 5 }, () => logIn('several', PASSWORD)));
    expect(new Set(grants.map(({ refreshToken }) => refreshToken)).size).toBe(5);
    expect((await stored(id)).hash).toMatch(/^\$2b\$06\$/);
  });

  test('replaces an adopted hash of lower cost, which from then on is ours', async () => {
    const { id } = await user('adopted', cheap(PASSWORD), { truncates: true });
    await logIn('adopted', PASSWORD);
    expect(await stored(id)).toMatchObject({ hash: expect.stringMatching(/^\$2b\$06\$/), truncates: false });
  });

  test.each([
    ['of 72 bytes', EXACT],
    ['of more', `${EXACT} and a tail that was never checked`],
  ])('leaves an adopted hash as it is for a password %s', async (_, password) => {
    const { id } = await user(`cut-${password.length}`, cheap(EXACT), { truncates: true });
    const before = await stored(id);
    await logIn(`cut-${password.length}`, password);
    expect(await stored(id)).toEqual(before);
  });

  test('leaves a hash of the usual cost as it is', async () => {
    const { id } = await user('usual', bcrypt.hashSync(PASSWORD, ROUNDS));
    const before = await stored(id);
    await logIn('usual', PASSWORD);
    expect(await stored(id)).toEqual(before);
  });

  test('replaces a hash of higher cost', async () => {
    const { id } = await user('costly', bcrypt.hashSync(PASSWORD, ROUNDS + 1));
    await logIn('costly', PASSWORD);
    expect(bcrypt.getRounds((await stored(id)).hash)).toBe(ROUNDS);
  });

  test('that fails leaves the hash as it is', async () => {
    const wrong = await user('wrong', cheap(PASSWORD));
    const disabled = await user('disabled', cheap(PASSWORD), { disabled: true });
    const before = [await stored(wrong.id), await stored(disabled.id)];
    await expect(logIn('wrong', 'not the password')).rejects.toMatchObject({ code: 'invalid_credentials' });
    await expect(logIn('disabled', PASSWORD)).rejects.toMatchObject({ code: 'account_disabled' });
    expect([await stored(wrong.id), await stored(disabled.id)]).toEqual(before);
  });

  test('tells a disabled user so only after the right password', async () => {
    await user('shut', cheap(PASSWORD), { disabled: true });
    await expect(logIn('shut', 'not the password')).rejects.toMatchObject({ code: 'invalid_credentials' });
  });

  test('is refused alike for nobody, for a user without a hash and for a wrong password', async () => {
    await user('hashless', null);
    await user('right', cheap(PASSWORD));
    for (const [name, password] of [
      ['nobody', PASSWORD],
      ['hashless', PASSWORD],
      ['hashless', ''],
      ['right', ''],
      ['right', `${PASSWORD} `],
      ['right\0', PASSWORD],
    ] as const) {
      await expect(logIn(name, password)).rejects.toMatchObject({ code: 'invalid_credentials' });
    }
  });

  test('succeeds where the new hash can’t be made, is logged without the password, and the next one tries again', async () => {
    const { id } = await user('unlucky', cheap(PASSWORD));
    const before = await stored(id);
    log.length = 0;
    fullQueue = true;
    await logIn('unlucky', PASSWORD).finally(() => {
      fullQueue = false;
    });
    expect(await stored(id)).toEqual(before);
    expect(log).toHaveLength(1);
    expect(log.join()).toContain(`"user_id":${id}`);
    expect(log.join()).not.toContain(PASSWORD);
    await logIn('unlucky', PASSWORD);
    expect((await stored(id)).hash).toMatch(/^\$2b\$06\$/);
  });

  test('answers with who logged in, under the name as it was registered', async () => {
    const { id } = await user('Ada', cheap(PASSWORD));
    for (const name of ['Ada', 'ada', 'ＡＤＡ']) {
      expect(await logIn(name, PASSWORD)).toMatchObject({ scope: 'user', user: { id, username: 'Ada' } });
    }
  });
});
