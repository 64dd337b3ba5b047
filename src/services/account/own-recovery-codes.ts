import type { Database } from '../../adapters/database.js';
import { type Actor, byUser } from '../../lib/actor.js';
import type { Clock } from '../../lib/clock.js';
import type { AuditService } from '../audit/audit.service.js';
import type { OutboxService } from '../outbox/outbox.service.js';
import type { ReauthenticationService } from '../reauthentication.service.js';
import type { RecoveryCodeService, RecoveryCodeSummary } from '../recovery-code.service.js';
import type { AccountChanges } from './account-changes.js';

/** What users do with their own recovery codes. */
export interface OwnRecoveryCodes {
  /** How many codes the actor has left, and when they were made. */
  recoveryCodes(actor: Actor): Promise<RecoveryCodeSummary>;
  /**
   * Replaces the actor's recovery codes and returns the new ones. Needs the current password or a recent authentication. Throws
   * as `ReauthenticationService.require`.
   */
  makeRecoveryCodes(actor: Actor, currentPassword: string | undefined): Promise<string[]>;
  /** Deletes the actor's recovery codes, on the same condition; does nothing where there are none. */
  deleteRecoveryCodes(actor: Actor, currentPassword: string | undefined): Promise<void>;
}

interface Parts {
  readonly database: Database;
  readonly changes: AccountChanges;
  readonly reauthentication: Pick<ReauthenticationService, 'require'>;
  readonly recoveryCodes: RecoveryCodeService;
  readonly outbox: OutboxService;
  readonly audit: AuditService;
  readonly clock: Clock;
}

export function createOwnRecoveryCodes({
  database,
  changes,
  reauthentication,
  recoveryCodes,
  outbox,
  audit,
  clock,
}: Parts): OwnRecoveryCodes {
  return {
    recoveryCodes: ({ userId }) => recoveryCodes.summary(userId),
    makeRecoveryCodes: async (actor, currentPassword) => {
      await reauthentication.require(actor, { currentPassword });
      return database.forClient(actor).transaction(async (transaction) => {
        const user = await changes.lockOwn(actor, transaction);
        const codes = await recoveryCodes.replace(user.id, transaction);
        const mail = { purpose: 'recovery_codes_created', client: actor, at: new Date(clock.now()) } as const;
        if (user.verified_email_fold !== null) await outbox.post(mail, user.email, transaction);
        audit.record({ type: 'recovery_codes.created', by: byUser(actor), userId: user.id, sessionId: actor.sessionId }, transaction);
        return codes;
      });
    },
    deleteRecoveryCodes: async (actor, currentPassword) => {
      await reauthentication.require(actor, { currentPassword });
      await database.forClient(actor).transaction(async (transaction) => {
        const user = await changes.lockOwn(actor, transaction);
        const codes = await recoveryCodes.removeAll(user.id, transaction);
        if (codes === 0) return;
        const mail = { purpose: 'recovery_codes_deleted', client: actor, at: new Date(clock.now()) } as const;
        if (user.verified_email_fold !== null) await outbox.post(mail, user.email, transaction);
        const details = { codes };
        audit.record(
          { type: 'recovery_codes.deleted', by: byUser(actor), userId: user.id, sessionId: actor.sessionId, details },
          transaction,
        );
      });
    },
  };
}
