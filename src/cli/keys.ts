import type { Command } from 'commander';
import type { KeyService } from '../services/key/key.service.js';
import { JSON_OPTION, type OutputOptions, printLine, printList, printOne, remark } from './output.js';
import { withContainer } from './with-container.js';

type KeyFacts = Awaited<ReturnType<KeyService['rotate']>>;

const COLUMNS = ['kid', 'algorithm', 'created_at', 'signs_from', 'verifies_until', 'signing'] as const;

/** `keys`: the key pairs that access tokens are signed with. */
export function addKeys(program: Command): void {
  const keys = program.command('keys').description('key pairs that access tokens are signed with');
  keys
    .command('list')
    .description('those that verify, in the order in which they sign')
    .option(...JSON_OPTION)
    .action((options: OutputOptions) =>
      withContainer(async ({ services }) => {
        printList((await services.keys.list()).map(toRow), COLUMNS, options);
      }),
    );
  keys
    .command('rotate')
    .description('make a key pair that signs in a minute; the one before verifies until its tokens have expired')
    .option('--now', 'it signs now, and no other verifies any more: for a key that got out')
    .option(...JSON_OPTION)
    .action(({ now: atOnce = false, ...options }: OutputOptions & { now?: boolean }) =>
      withContainer(async ({ services }) => {
        printOne(toRow(await services.keys.rotate({ atOnce })), COLUMNS, options);
        remark(atOnce ? 'Access tokens of before are refused; clients refresh theirs.' : 'Running servers take it up by themselves.');
      }),
    );
  keys
    .command('accept-root-key')
    .description('use the database with another ROOT_KEY, as the one before is lost')
    .action(() =>
      withContainer(
        async ({ services }) => {
          await services.installation.acceptRootKey();
          printLine('The database is now used with this ROOT_KEY');
          remark(
            'What the lost key protected is lost: sessions, recovery codes, service keys, one-time links, waiting mails and known devices. Users log in again; make new service keys. audit verify reports the events of before as changed.',
          );
        },
        { anyRootKey: true },
      ),
    );
}

const toRow = (key: KeyFacts) => ({
  kid: key.kid,
  algorithm: key.algorithm,
  created_at: key.createdAt,
  signs_from: key.signsFrom,
  verifies_until: key.verifiesUntil,
  signing: key.signing,
});
