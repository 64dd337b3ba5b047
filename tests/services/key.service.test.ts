import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../config/index.js';
import { type Container, createContainer } from '../../src/container.js';
import { StartError } from '../../src/errors/start-error.js';
import { openTarget, targets, type TestTarget } from '../support/test-database.js';

describe.each(targets.filter((kind) => kind !== 'SQLite in memory'))('key pairs on %s', (kind) => {
  let target: TestTarget;
  const open: Container[] = [];
  const randomKey = (): string => randomBytes(64).toString('base64url');
  const rootKey = randomKey();
  /** A process of its own on the same database. */
  const start = async (ROOT_KEY = rootKey): Promise<Container> => {
    const settings = { NODE_ENV: 'test', DATABASE_URL: target.url, ALGORITHM: 'ES256', ROOT_KEY, LOG_LEVEL: 'silent' };
    const container = createContainer(loadConfig(settings));
    open.push(container);
    await container.prepare();
    return container;
  };
  beforeEach(async () => {
    target = await openTarget(kind);
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((container) => container.close()));
    await target.drop();
  });
  const kids = async ({ services }: Container): Promise<string[]> => (await services.keys.list()).map(({ kid }) => kid);

  test('are not added to under another ROOT_KEY, which no process could open when their time comes', async () => {
    const [service, stranger] = [await start(), await start(randomKey())];
    await service.start();
    const before = await kids(service);
    await expect(stranger.services.keys.rotate({ atOnce: false })).rejects.toBeInstanceOf(StartError);
    expect(await kids(service)).toEqual(before);
    await expect(stranger.start()).rejects.toThrow(/ROOT_KEY/);
  });

  test('sign after the time that a rotation names, for verifiers that keep the key set longer', async () => {
    const service = await start();
    await service.start();
    const [usual, later] = [
      await service.services.keys.rotate({ atOnce: false }),
      await service.services.keys.rotate({ atOnce: false, announcedSeconds: 900 }),
    ];
    const announced = [usual, later].map(({ createdAt, signsFrom }) => (signsFrom.getTime() - createdAt.getTime()) / 1000);
    expect(announced).toEqual([60, 900]);
    expect(await kids(service)).toEqual([expect.any(String), usual.kid, later.kid]);
  });

  test('are replaced where ROOT_KEY is lost, and then open again', async () => {
    await (await start()).start();
    const other = await start(randomKey());
    await other.services.installation.acceptRootKey();
    const made = await other.services.keys.rotate({ atOnce: true });
    await other.start();
    expect(await kids(other)).toEqual([made.kid]);
    expect(other.services.keys.signing().header.kid).toBe(made.kid);
  });

  test('hold no private half that can be read', async () => {
    const service = await start();
    await service.start();
    const [rows] = await service.database.sequelize.query('SELECT * FROM auth_signing_keys');
    expect(rows).toHaveLength(1);
    const text = JSON.stringify(rows);
    expect(text).not.toMatch(/PRIVATE|"d"/);
    expect(text).toContain('"kty');
  });
});
