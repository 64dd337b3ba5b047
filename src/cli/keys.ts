import { type Command, InvalidArgumentError, Option } from 'commander';
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
    .addOption(
      new Option('--signs-after <time>', 'how long it is published before it signs, such as 15m: from 60s to 24h')
        .argParser(readSeconds)
        .conflicts('now'),
    )
    .option(...JSON_OPTION)
    .action(({ now: atOnce = false, signsAfter: announcedSeconds, ...options }: OutputOptions & { now?: boolean; signsAfter?: number }) =>
      withContainer(async ({ services }) => {
        printOne(toRow(await services.keys.rotate({ atOnce, announcedSeconds })), COLUMNS, options);
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

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };
const DAY_SECONDS = 24 * 3600;

/** Reads a time such as 90s, 15m or 2h as seconds. */
function readSeconds(text: string): number {
  const [, number = '', unit = ''] = /^(\d{1,5})([smh])$/.exec(text) ?? [];
  const seconds = Number(number) * (UNIT_SECONDS[unit] ?? 0);
  // A shorter time would end before every process and verifier has read the key.
  if (seconds < 60 || seconds > DAY_SECONDS) throw new InvalidArgumentError('It must be 60s to 24h, with s, m or h.');
  return seconds;
}

const toRow = (key: KeyFacts) => ({
  kid: key.kid,
  algorithm: key.algorithm,
  created_at: key.createdAt,
  signs_from: key.signsFrom,
  verifies_until: key.verifiesUntil,
  signing: key.signing,
});
