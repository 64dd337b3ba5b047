import { createUsers } from './20261123-create-users.js';
import { createSigningAndServiceKeys } from './20261125-create-signing-and-service-keys.js';
import { createSessions } from './20261125-create-sessions.js';
import { extendUsers } from './20261125-extend-users.js';
import { keepAudit } from './20261125-keep-audit.js';
import { keepMail } from './20261125-keep-mail.js';
import { keepOneTimeSecrets } from './20261125-keep-one-time-secrets.js';
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
  forgiveLimits,
];

export type { Migration, MigrationContext } from './migration.js';
