import type { Config } from '../../config/index.js';
import type { Counters } from '../adapters/counters.js';
import type { Database } from '../adapters/database.js';
import type { Hasher } from '../adapters/hasher.js';
import type { Mailer } from '../adapters/mailer.js';
import type { Clock } from '../lib/clock.js';
import { createRoles, type Roles } from '../lib/roles.js';
import type { Models } from '../models/index.js';
import type { Logger } from '../observability/logger.js';
import { createAccountChanges } from './account/account-changes.js';
import { createCredentialRevocation } from './account/credential-revocation.js';
import { createEmailVerification } from './account/email-verification.js';
import { noFactors } from './account/factors.js';
import { createLoginNames } from './account/login-names.js';
import { type AdminService, createAdminService } from './admin.service.js';
import { type AuditService, createAuditService } from './audit/audit.service.js';
import { type AuthService, createAuthService } from './auth.service.js';
import { type BackupService, createBackupService } from './backup/backup.service.js';
import { createInstallationService, type InstallationService } from './installation.service.js';
import { createKeyService, type KeyService } from './key/key.service.js';
import { createDevices } from './limit/devices.js';
import { createLimitService, type LimitService } from './limit/limit.service.js';
import { createOneTimeTokenService, type OneTimeTokenService } from './one-time-token.service.js';
import { createOutboxService, type OutboxService } from './outbox/outbox.service.js';
import { createPasswordResetService, type PasswordResetService } from './password-reset.service.js';
import { contextWords } from './password/password-policy.js';
import { createPasswordService } from './password/password.service.js';
import { createStoredHashes, type StoredHashes } from './password/stored-hashes.js';
import { createReauthenticationService, type ReauthenticationService } from './reauthentication.service.js';
import { createRecoveryCodeService } from './recovery-code.service.js';
import { createServiceKeyService, type ServiceKeyService } from './service-key.service.js';
import { createRevocations, type Revocations } from './session/revocations.js';
import { createSessionService, type SessionService } from './session/session.service.js';
import { createTokenService } from './token.service.js';
import { createTransferService, type TransferService } from './transfer/transfer.service.js';
import { createUserService, type UserService } from './user.service.js';

/** What the rules offer to routes, commands and tests. */
export interface Services {
  readonly admin: AdminService;
  readonly audit: AuditService;
  readonly auth: AuthService;
  readonly backups: BackupService;
  readonly installation: InstallationService;
  readonly keys: KeyService;
  readonly limits: LimitService;
  readonly oneTimeTokens: OneTimeTokenService;
  readonly outbox: OutboxService;
  readonly passwordResets: PasswordResetService;
  readonly reauthentication: ReauthenticationService;
  readonly serviceKeys: ServiceKeyService;
  readonly sessions: SessionService;
  readonly storedHashes: StoredHashes;
  readonly transfer: TransferService;
  readonly users: UserService;
}

/** What only whoever starts and ends them needs beside those. */
export interface Inner {
  readonly revocations: Revocations;
}

interface Parts {
  readonly config: Config;
  readonly models: Models;
  readonly database: Database;
  readonly hasher: Hasher;
  readonly counters: Counters;
  /** Absent where mails only wait. */
  readonly mailer: Mailer | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Every service in its order: each uses only those before it, and gets its own piece of the settings. */
export function createServices(parts: Parts): { services: Services; inner: Inner } {
  const { config, models, database, hasher, counters, clock, logger } = parts;
  const { rootKeys } = config;
  const ground = createGround(parts);
  const { audit, sessions, oneTimeTokens } = ground;
  const serviceKeys = createServiceKeyService({ model: models.ServiceKey, database, audit, rootKeys, clock, logger });
  const passwords = createPasswordService({ ...config.password, hasher, words: wordsOf(config) });
  const installation = createInstallationService({ ...ground, model: models.Installation, database, rootKeys, logger });
  const backups = createBackupService({ ...ground, models, database, rootKeys, installation });
  const recoveryCodes = createRecoveryCodeService({ model: models.RecoveryCode, rootKeys, clock });
  const devices = createDevices({ rootKeys, clock });
  const limits = createLimitService({ counters, settings: config.limits, rootKeys, devices, User: models.User, audit });
  const auth = createAuthService({ ...ground, models, database, passwords, limits, devices, clock, logger });

  const names = createLoginNames({ User: models.User, database });
  const reauthentication = createReauthenticationService({
    ...ground,
    models,
    database,
    passwords,
    clock,
    settings: config.reauthentication,
  });
  const factorsOf = noFactors;
  const revokeCredentials = createCredentialRevocation({ ...ground, recoveryCodes, factorsOf });
  const common = { ...ground, models, database, limits, names, passwords, reauthentication, recoveryCodes, clock };
  const verification = createEmailVerification(common);
  const changes = createAccountChanges({ ...common, verification });
  const users = createUserService({ ...common, verification, changes, revokeCredentials, factorsOf, registration: config.registration });
  const passwordResets = createPasswordResetService({ ...common, verification, revokeCredentials });
  const admin = createAdminService({ ...common, verification, changes, passwordResets, appUrl: config.mail.appUrl });
  const transfer = createTransferService(common);
  return {
    services: {
      admin,
      audit,
      auth,
      backups,
      installation,
      keys: ground.keys,
      limits,
      oneTimeTokens,
      outbox: ground.outbox,
      passwordResets,
      reauthentication,
      serviceKeys,
      sessions,
      storedHashes: createStoredHashes({ User: models.User, passwords }),
      transfer,
      users,
    },
    inner: { revocations: ground.revocations },
  };
}

/** What this service and its app are called and where they are: the first that somebody guesses. */
const wordsOf = ({ token, mail }: Config): string[] =>
  contextWords(['lingomate', mail.appName, token.audience, ...[token.issuer, mail.appUrl].map((address) => new URL(address).hostname)]);

interface Ground {
  readonly roles: Roles;
  readonly keys: KeyService;
  readonly audit: AuditService;
  readonly oneTimeTokens: OneTimeTokenService;
  readonly outbox: OutboxService;
  readonly revocations: Revocations;
  readonly sessions: SessionService;
}

/** What all others stand on: who signs, what is recorded, what is mailed, and who is logged in. */
function createGround({ config, models, database, mailer, clock, logger }: Parts): Ground {
  const { token, rootKeys, mail } = config;
  const roles = createRoles(config.roles);
  const audit = createAuditService({ models, database, rootKeys, clock, retentionDays: config.audit.retentionDays, logger });
  const keys = createKeyService({ settings: token, rootKeys, model: models.SigningKey, database, audit, clock });
  const tokens = createTokenService({ keys, rootKeys, clock, settings: token });
  const oneTimeTokens = createOneTimeTokenService({
    model: models.OneTimeToken,
    database,
    rootKeys,
    clock,
    verificationHours: mail.verificationHours,
  });
  const outbox = createOutboxService({
    model: models.OutboxMail,
    database,
    rootKeys,
    oneTimeTokens,
    mailer,
    settings: {
      appName: mail.appName,
      appUrl: mail.appUrl,
      keepsContent: config.environment !== 'production',
      queueLimit: config.queues.mails,
    },
    clock,
    logger,
  });
  const revocations = createRevocations({ model: models.Revocation, database, clock, lifetimeSeconds: token.lifetimeSeconds });
  const sessions = createSessionService({
    models,
    database,
    tokens,
    revocations,
    audit,
    rootKeys,
    roles,
    settings: config.session,
    clock,
    logger,
  });
  return { roles, keys, audit, oneTimeTokens, outbox, revocations, sessions };
}
