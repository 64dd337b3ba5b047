import { createUsers } from './20261123-create-users.js';
import { createSigningAndServiceKeys } from './20261125-create-signing-and-service-keys.js';
import { createSessions } from './20261125-create-sessions.js';
import { extendUsers } from './20261125-extend-users.js';
import { keepAudit } from './20261125-keep-audit.js';
import { keepMail } from './20261125-keep-mail.js';
import { keepOneTimeSecrets } from './20261125-keep-one-time-secrets.js';
import { refoldNames } from './20261130-refold-names.js';
import { keepAuthenticationStrength } from './20261130-keep-authentication-strength.js';
import { keepPendingEmail } from './20261130-keep-pending-email.js';
import { indexHashSettings } from './20261130-index-hash-settings.js';
import { boundSessions } from './20261130-bound-sessions.js';
import { expireServiceKeys } from './20261130-expire-service-keys.js';
import { keepRootKeyFingerprint } from './20261130-keep-root-key-fingerprint.js';
import { forgiveLimits } from './20261130-forgive-limits.js';
import type { Migration } from './migration.js';

/** The schema's history in its order; append only. Names carry no ending, so that source and built runs share one. */
export const migrations: readonly Migration[] = [
  createUsers,
  createSessions,
  createSigningAndServiceKeys,
  extendUsers,
  keepAudit,
  keepMail,
  keepOneTimeSecrets,
  refoldNames,
  keepAuthenticationStrength,
  keepPendingEmail,
  indexHashSettings,
  boundSessions,
  expireServiceKeys,
  keepRootKeyFingerprint,
  forgiveLimits,
];

export type { Migration, MigrationContext } from './migration.js';
