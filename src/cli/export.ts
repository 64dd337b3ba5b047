import type { Command } from 'commander';
import { OPERATOR } from '../lib/actor.js';
import type { TransferService } from '../services/transfer/transfer.service.js';
import { printLines } from './output.js';
import { withContainer } from './with-container.js';

interface ExportFlags {
  readonly passwordHashes?: boolean;
  readonly unverifiableHashes?: boolean;
}

/** `export`: every user, as `import` reads them. */
export function addExport(program: Command): void {
  program
    .command('export')
    .description('every user as JSON, one a line, as import reads them')
    .option('--password-hashes', 'with what their passwords are checked by: keep it as you keep the database')
    .option('--unverifiable-hashes', 'only users whose password hash is too expensive or unreadable, who have to reset their password')
    .action(({ passwordHashes = false, unverifiableHashes = false }: ExportFlags) =>
      withContainer(({ services: { transfer } }) =>
        printLines(linesOf(transfer.exportUsers({ withHashes: passwordHashes, onlyUnverifiable: unverifiableHashes, by: OPERATOR }))),
      ),
    );
}

async function* linesOf(users: ReturnType<TransferService['exportUsers']>): AsyncGenerator<string> {
  for await (const user of users) yield JSON.stringify(user);
}
