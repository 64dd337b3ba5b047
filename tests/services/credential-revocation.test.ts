import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SYSTEM } from '../../src/lib/actor.js';
import { createCredentialRevocation, type RecoveryCodesAfter } from '../../src/services/account/credential-revocation.js';
import { createOneTimeTokenService } from '../../src/services/one-time-token.service.js';
import { createRecoveryCodeService } from '../../src/services/recovery-code.service.js';
import { openStoredUsers, type StoredUsers } from '../support/stored-users.js';
import { alone } from '../support/root-keys.js';

const ROOT_KEY = 'k'.repeat(64);

describe('what a change of credentials revokes', () => {
  let stored: StoredUsers;
  beforeEach(async () => {
    stored = await openStoredUsers();
  });
  afterEach(() => stored.database.close());

  /** Gives ada ten codes, revokes them for an account with or without a factor, and returns what became of them. */
  async function revoke(hasFactor: boolean): Promise<{ after: RecoveryCodesAfter; recorded: string[] }> {
    const { models, database, clock, ada } = stored;
    const recoveryCodes = createRecoveryCodeService({ model: models.RecoveryCode, rootKeys: alone(ROOT_KEY), clock });
    const recorded: string[] = [];
    const revokeCredentials = createCredentialRevocation({
      oneTimeTokens: createOneTimeTokenService({
        model: models.OneTimeToken,
        database,
        rootKeys: alone(ROOT_KEY),
        clock,
        verificationHours: 24,
      }),
      recoveryCodes,
      sessions: { endAllOf: () => Promise.resolve(0) },
      audit: { record: ({ type }) => recorded.push(type) },
      factorsOf: () => ({ hasFactor, hasIdentity: false }),
    });
    const after = await database.transaction(async (transaction) => {
      await recoveryCodes.replace(ada, transaction);
      const user = await models.User.findByPk(ada, { transaction, rejectOnEmpty: true });
      return revokeCredentials(user, { reason: 'password_changed', by: SYSTEM }, transaction);
    });
    expect((await recoveryCodes.summary(ada)).remaining).toBe(after.remaining);
    return { after, recorded };
  }

  it('includes the recovery codes of an account without a factor', async () => {
    expect(await revoke(false)).toEqual({ after: { revoked: 10, remaining: 0 }, recorded: ['recovery_codes.revoked'] });
  });

  it('leaves the recovery codes of an account with a factor, and counts them', async () => {
    expect(await revoke(true)).toEqual({ after: { revoked: 0, remaining: 10 }, recorded: [] });
  });
});
