import type { Sequelize } from 'sequelize';
import { type AuditEventModel, defineAuditEvent } from './audit-event.model.js';
import { type AuditHeadModel, defineAuditHead } from './audit-head.model.js';
import { defineInstallation, type InstallationModel } from './installation.model.js';
import { defineOneTimeToken, type OneTimeTokenModel } from './one-time-token.model.js';
import { defineOutboxMail, type OutboxMailModel } from './outbox-mail.model.js';
import { defineRecoveryCode, type RecoveryCodeModel } from './recovery-code.model.js';
import { defineRevocation, type RevocationModel } from './revocation.model.js';
import { defineServiceKey, type ServiceKeyModel } from './service-key.model.js';
import { defineSession, type SessionModel } from './session.model.js';
import { defineSigningKey, type SigningKeyModel } from './signing-key.model.js';
import { defineUser, type UserModel } from './user.model.js';

export interface Models {
  readonly User: UserModel;
  readonly Session: SessionModel;
  readonly Revocation: RevocationModel;
  readonly SigningKey: SigningKeyModel;
  readonly ServiceKey: ServiceKeyModel;
  readonly AuditEvent: AuditEventModel;
  readonly AuditHead: AuditHeadModel;
  readonly OutboxMail: OutboxMailModel;
  readonly OneTimeToken: OneTimeTokenModel;
  readonly RecoveryCode: RecoveryCodeModel;
  readonly Installation: InstallationModel;
}

/** The models of one database. */
export function createModels(sequelize: Sequelize): Models {
  return {
    User: defineUser(sequelize),
    Session: defineSession(sequelize),
    Revocation: defineRevocation(sequelize),
    SigningKey: defineSigningKey(sequelize),
    ServiceKey: defineServiceKey(sequelize),
    AuditEvent: defineAuditEvent(sequelize),
    AuditHead: defineAuditHead(sequelize),
    OutboxMail: defineOutboxMail(sequelize),
    OneTimeToken: defineOneTimeToken(sequelize),
    RecoveryCode: defineRecoveryCode(sequelize),
    Installation: defineInstallation(sequelize),
  };
}
