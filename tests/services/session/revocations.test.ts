import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createDatabase, type Database } from '../../../src/adapters/database.js';
import { migrate } from '../../../src/adapters/migrator.js';
import { movableClock, type MovableClock } from '../../../src/lib/clock.js';
import { createModels, type Models } from '../../../src/models/index.js';
import { createRevocations, type Revocations } from '../../../src/services/session/revocations.js';

const START = Date.UTC(2026, 5, 1, 12);
/** NumericDate of a token. */
const ISSUED = START / 1000;

let database: Database;
let model: Models['Revocation'];
let clock: MovableClock;
let revocations: Revocations;
beforeEach(async () => {
  database = createDatabase({ dialect: 'sqlite', file: ':memory:' });
  await migrate(database);
  model = createModels(database.sequelize).Revocation;
  clock = movableClock(START);
  revocations = createRevocations({ model, database, clock, lifetimeSeconds: 1800 });
  await revocations.load();
});
afterEach(() => database.close());

/** As another process revokes: this one is not told. */
const revokeElsewhere = async (): Promise<string> => {
  const session_id = randomUUID();
  await model.create({ session_id, through: null, revoked_at: new Date(clock.now()) });
  return session_id;
};

describe('what other processes have revoked', () => {
  test('is looked for where the last look is older than a second, and not sooner', async () => {
    const id = await revokeElsewhere();
    clock.advance(1);
    expect(revocations.catchUp()).toBeUndefined();
    clock.advance(0.001);
    await revocations.catchUp();
    expect(revocations.refuses(id, 1, ISSUED)).toBe(true);
    expect(revocations.catchUp()).toBeUndefined();
  });

  test('is looked for behind what is known already', async () => {
    await revokeElsewhere();
    await revocations.sync();
    const pageAfter = jest.spyOn(model, 'pageAfter');
    await revocations.sync();
    expect(pageAfter).toHaveBeenLastCalledWith(1, expect.anything(), expect.anything());
    const another = createRevocations({ model, database, clock, lifetimeSeconds: 1800 });
    clock.advance(24 * 3600);
    await another.load();
    await another.sync();
    expect(pageAfter).toHaveBeenLastCalledWith(1, expect.anything(), expect.anything());
  });

  test('is looked for once for all who ask at one time', async () => {
    const pageAfter = jest.spyOn(model, 'pageAfter');
    clock.advance(2);
    await Promise.all(Array.from({ length: 50 }, async () => revocations.catchUp()));
    expect(pageAfter).toHaveBeenCalledTimes(1);
  });

  test('is looked for anew where the look under way began too long ago', async () => {
    let go = (): void => undefined;
    const slow = new Promise<void>((done) => (go = done));
    const read = model.pageAfter.bind(model);
    let underWay = Promise.resolve();
    await new Promise<void>((hasRead) => {
      jest.spyOn(model, 'pageAfter').mockImplementationOnce(async (...asked) => {
        const rows = await read(...asked);
        hasRead();
        await slow;
        return rows;
      });
      underWay = revocations.sync();
    });
    const id = await revokeElsewhere();
    clock.advance(1.5);
    const asked = revocations.catchUp();
    go();
    await Promise.all([underWay, asked]);
    expect(revocations.refuses(id, 1, ISSUED)).toBe(true);
  });

  test('that can’t be looked for is a fault for who asks, until it can', async () => {
    const id = await revokeElsewhere();
    const failing = jest.spyOn(model, 'pageAfter').mockRejectedValue(new Error('gone'));
    clock.advance(2);
    await expect(revocations.catchUp()).rejects.toMatchObject({ code: 'unavailable' });
    await expect(revocations.catchUp()).rejects.toMatchObject({ code: 'unavailable' });
    failing.mockRestore();
    await revocations.catchUp();
    expect(revocations.refuses(id, 1, ISSUED)).toBe(true);
  });

  test('is read to the end, however much it is', async () => {
    const ids = Array.from({ length: 2500 }, () => randomUUID());
    await model.bulkCreate(ids.map((session_id) => ({ session_id, through: null, revoked_at: new Date(clock.now()) })));
    await revocations.sync();
    expect(ids.filter((id) => !revocations.refuses(id, 1, ISSUED))).toEqual([]);
    const another = createRevocations({ model, database, clock, lifetimeSeconds: 1800 });
    await another.load();
    expect(ids.filter((id) => !another.refuses(id, 1, ISSUED))).toEqual([]);
  });
});

describe('a revocation', () => {
  const record = async (fails: boolean): Promise<string> => {
    const id = randomUUID();
    await database
      .transaction(async (transaction) => {
        await revocations.lock(transaction);
        await revocations.record([{ id, through: null }], transaction);
        expect(revocations.refuses(id, 1, ISSUED)).toBe(false);
        if (fails) throw new Error('changed my mind');
      })
      .catch(() => undefined);
    return id;
  };

  test('counts from its commit on', async () => {
    expect(revocations.refuses(await record(false), 1, ISSUED)).toBe(true);
  });

  test('that was rolled back never counts', async () => {
    const id = await record(true);
    await revocations.sync();
    expect(revocations.refuses(id, 1, ISSUED)).toBe(false);
  });
});
