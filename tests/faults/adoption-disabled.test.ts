import { describe, expect, it } from '@jest/globals';
import { OPERATOR } from '../../src/lib/actor.js';
import { readFastApiUsers } from '../../src/services/transfer/sources/fastapi.js';
import { createTestAuth } from '../../src/testing.js';
import { useAdoption } from '../support/adoption.js';
import { CLIENT } from '../support/client.js';
import { fastApiUsers, placeFastApiDatabase } from '../support/fastapi.js';

const { file, adopt, withApp } = useAdoption();
const COLUMNS = ['is_active BOOLEAN DEFAULT 1', 'Disabled BOOLEAN', 'enabled VARCHAR', 'deleted BOOLEAN'];
const STATEMENTS = [
  ...COLUMNS.map((column) => `ALTER TABLE users ADD COLUMN ${column}`),
  'UPDATE users SET is_active = 0 WHERE id = 1',
  'UPDATE users SET Disabled = 1 WHERE id = 2',
  "UPDATE users SET enabled = 'False' WHERE id = 3",
  'UPDATE users SET deleted = 1 WHERE id = 4',
  'UPDATE users SET Disabled = 0, is_active = 1 WHERE id = 5',
  'UPDATE users SET is_active = NULL WHERE id = 6',
];
const DISABLED = [1, 2, 3, 4];
const [first] = fastApiUsers();

describe('Users that the FastAPI original keeps out by a column of its own', () => {
  it('are disabled after an adoption, which reports how many they are', async () => {
    await placeFastApiDatabase(file(), STATEMENTS);
    const { lines } = await adopt();
    expect(lines).toContain('4 of them are disabled, as a column of theirs such as is_active or disabled says');
    await withApp(async ({ services }) => {
      const { items } = await services.admin.list({ status: 'disabled' }, { limit: 100 });
      expect(items.map(({ id }) => id).sort()).toEqual(DISABLED);
      const logIn = services.auth.logIn({ username: first?.username ?? '', password: first?.password ?? '' }, CLIENT);
      await expect(logIn).rejects.toMatchObject({ code: 'account_disabled' });
    });
  });

  it('are disabled after an import of the file', async () => {
    await placeFastApiDatabase(file(), STATEMENTS);
    const auth = await createTestAuth();
    try {
      const disabled: unknown[] = [];
      for await (const { line, id = 0 } of auth.services.transfer.importUsers(readFastApiUsers(file()), { dryRun: false, by: OPERATOR }))
        if ((await auth.services.admin.get(id)).disabled_at !== null) disabled.push(line);
      expect(disabled).toEqual(DISABLED);
    } finally {
      await auth.close();
    }
  });
});
