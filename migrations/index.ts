import { createUsers } from './20261123-create-users.js';
import { createSigningAndServiceKeys } from './20261125-create-signing-and-service-keys.js';
import { createSessions } from './20261125-create-sessions.js';
import type { Migration } from './migration.js';

/** The schema's history in its order; append only. Names carry no ending, so that source and built runs share one. */
export const migrations: readonly Migration[] = [createUsers, createSessions, createSigningAndServiceKeys];

export type { Migration, MigrationContext } from './migration.js';
