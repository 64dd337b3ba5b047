#!/usr/bin/env node
import { Command } from 'commander';
import { packageVersion } from '../package-version.js';
import { addAudit } from './audit.js';
import { addBackup } from './backup.js';
import { addAdmin } from './admin.js';
import { addDoctor } from './doctor.js';
import { addExport } from './export.js';
import { reportFault } from './fault.js';
import { addImport } from './import.js';
import { addKeys } from './keys.js';
import { addMigrate } from './migrate.js';
import { addRestore } from './restore.js';
import { addServe } from './serve.js';
import { addServiceKeys } from './service-keys.js';
import { addSessions } from './sessions.js';

// What a command needs it imports when it is run: help, and what can't be read, are answered at once.
const program = new Command('lingomate-auth')
  .description('Self-hosted authentication and user management. Settings come from the environment and .env.')
  .version(packageVersion())
  .exitOverride()
  // What commander would write of an error comes with what it throws.
  .configureOutput({ writeErr: () => undefined });
for (const add of [
  addServe,
  addMigrate,
  addAdmin,
  addKeys,
  addServiceKeys,
  addSessions,
  addImport,
  addExport,
  addAudit,
  addBackup,
  addRestore,
  addDoctor,
])
  add(program);

const asked = process.argv.slice(2);
await program.parseAsync(asked.length === 0 ? ['--help'] : asked, { from: 'user' }).catch(reportFault);
