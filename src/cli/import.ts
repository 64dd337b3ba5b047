import { once } from 'node:events';
import { closeSync, createReadStream, openSync, readSync, statSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { AppError } from '../errors/app-error.js';
import { OPERATOR } from '../lib/actor.js';
import type { ImportResult } from '../services/transfer/imported-user.js';
import { TEXT_SOURCES, type TextSource } from '../services/transfer/sources/source-names.js';
import type { ImportOptions, TransferService } from '../services/transfer/transfer.service.js';
import { JSON_OPTION, type OutputOptions, visible } from './output.js';
import { readSecretFile } from './read-secret.js';
import { createProgress, type Progress } from './progress.js';
import { withContainer } from './with-container.js';

const STANDARD_INPUT = '-';
const FASTAPI = 'fastapi';
/** What a Firebase project has, unless somebody has changed it. */
const FIREBASE = { saltSeparator: 'Bw==', rounds: 8, memCost: 14 } as const;

const KEY_IN_PROCESS_LIST =
  '--firebase-signer-key would show the key in the process list. Use --firebase-signer-key-file, or set FIREBASE_SIGNER_KEY';

interface Importing extends OutputOptions {
  readonly from?: TextSource | typeof FASTAPI;
  readonly dryRun?: boolean;
  readonly withoutUnknownHashes?: boolean;
  /** Refused: other users of the machine can read the command line. */
  readonly firebaseSignerKey?: string;
  readonly firebaseSignerKeyFile?: string;
  readonly firebaseSaltSeparator: string;
  readonly firebaseRounds: number;
  readonly firebaseMemCost: number;
}

/** `import`: users from elsewhere, beside a running service. */
export function addImport(program: Command): void {
  const command = program
    .command('import')
    .description('add users from a file; who is there stays as they are, so that it can be run again; exits with 1 if a record failed')
    .argument('<file>', `a file, or ${STANDARD_INPUT} for standard input`)
    .addOption(new Option('--from <form>', 'what it is, where that is not told by how it begins').choices([...TEXT_SOURCES, FASTAPI]))
    .option('--dry-run', 'say of each record what would happen, and change nothing')
    .option('--without-unknown-hashes', 'add users whose hash cannot be verified without a password; otherwise their records fail')
    .option('--firebase-signer-key-file <file>', 'the signer key of the project’s password hash parameters; or set FIREBASE_SIGNER_KEY')
    .addOption(new Option('--firebase-signer-key <base64>').hideHelp())
    .option('--firebase-salt-separator <base64>', 'of the project’s password hash parameters', FIREBASE.saltSeparator)
    .option('--firebase-rounds <number>', 'likewise', readNumber, FIREBASE.rounds)
    .option('--firebase-mem-cost <number>', 'likewise', readNumber, FIREBASE.memCost)
    .option(...JSON_OPTION)
    .action((file: string, options: Importing) => {
      if (options.firebaseSignerKey !== undefined) return command.error(`error: ${KEY_IN_PROCESS_LIST}`);
      return importFile(file, options);
    });
}

function readNumber(text: string): number {
  if (!/^\d{1,3}$/.test(text)) throw new InvalidArgumentError('It is a whole number.');
  return Number(text);
}

async function importFile(file: string, options: Importing): Promise<void> {
  const { dryRun = false, withoutUnknownHashes = false } = options;
  const input = await openInput(file, options);
  await withContainer(async ({ config, services: { transfer } }) => {
    const progress = await createProgress(input.total);
    const report = createReport({ ...options, dryRun }, progress);
    let complete = false;
    try {
      const signerKey = input.signerKey ?? config.firebaseSignerKey;
      for await (const result of input.import(transfer, { dryRun, withoutUnknownHashes, by: OPERATOR }, signerKey)) {
        await report.tell(result);
        progress.update(input.done(), report.summary());
      }
      complete = true;
    } finally {
      input.close();
      progress.end();
      await report.close(complete);
    }
    if (report.failed() > 0) process.exitCode = 1;
  });
}

interface Input {
  /** What there is of it, where that is known, and what has been read. */
  readonly total: number | undefined;
  done(): number;
  /** From a file that an option names; before that of the settings. */
  readonly signerKey: string | undefined;
  import(transfer: TransferService, options: ImportOptions, signerKey: string | undefined): AsyncIterable<ImportResult>;
  /** Waits for no more of it. */
  close(): void;
}

async function openInput(file: string, options: Importing): Promise<Input> {
  const isDatabase = options.from === FASTAPI || (options.from === undefined && file !== STANDARD_INPUT && beginsLikeSqlite(file));
  return isDatabase ? openDatabase(file) : openText(file, options);
}

async function openDatabase(file: string): Promise<Input> {
  const { countFastApiUsers, readFastApiUsers } = await import('../services/transfer/sources/fastapi.js');
  let done = 0;
  async function* told(results: AsyncIterable<ImportResult>): AsyncGenerator<ImportResult> {
    for await (const result of results) {
      done += 1;
      yield result;
    }
  }
  return {
    total: await countFastApiUsers(file),
    done: () => done,
    signerKey: undefined,
    import: (transfer, given) => told(transfer.importUsers(readFastApiUsers(file), given)),
    close: () => undefined,
  };
}

function openText(file: string, options: Importing): Input {
  const total = file === STANDARD_INPUT ? undefined : sizeOf(file);
  const stream = total === undefined ? process.stdin : createReadStream(file);
  const { from, firebaseSignerKeyFile: keyFile } = options;
  return {
    total,
    done: () => ('bytesRead' in stream ? stream.bytesRead : 0),
    signerKey: keyFile === undefined ? undefined : readSecretFile(keyFile),
    import: (transfer, given, signerKey) => {
      const firebase = signerKey === undefined ? undefined : { signerKey, ...firebaseNumbers(options) };
      return transfer.importText(stream, { from: from === FASTAPI ? undefined : from, firebase }, given);
    },
    close: () => {
      stream.destroy();
    },
  };
}

const firebaseNumbers = ({ firebaseSaltSeparator, firebaseRounds, firebaseMemCost }: Importing) => ({
  saltSeparator: firebaseSaltSeparator,
  rounds: firebaseRounds,
  memCost: firebaseMemCost,
});

/** Throws `not_found` where it is no file that can be read. */
function beginsLikeSqlite(file: string): boolean {
  const header = Buffer.alloc(SQLITE_HEADER.length);
  try {
    const descriptor = openSync(file, 'r');
    readSync(descriptor, header, 0, header.length, 0);
    closeSync(descriptor);
  } catch (error) {
    throw noSuchFile(error);
  }
  return header.toString('latin1') === SQLITE_HEADER;
}

const SQLITE_HEADER = 'SQLite format 3\0';

function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch (error) {
    throw noSuchFile(error);
  }
}

const noSuchFile = (cause: unknown): AppError =>
  new AppError('not_found', { cause, details: { detail: 'There is no such file that can be read' } });

interface Report {
  tell(result: ImportResult): Promise<void>;
  summary(): string;
  failed(): number;
  /** With a summary, unless it broke off before there was anything to sum up. */
  close(complete: boolean): Promise<void>;
}

type Counts = Record<ImportResult['status'], number>;

/** Tells what became of each record: of all in JSON and where nothing is changed, else of those that were not simply created. */
function createReport({ json = false, dryRun }: { json?: boolean; dryRun: boolean }, progress: Progress): Report {
  const counts: Counts = { created: 0, would_create: 0, exists: 0, skipped: 0, failed: 0 };
  const print = createPrinter(progress);
  let told = 0;
  return {
    failed: () => counts.failed,
    summary: () => summaryOf(counts),
    tell: async (result) => {
      counts[result.status] += 1;
      if (json) await print(`${told === 0 ? '{\n"results": [\n' : ',\n'}${JSON.stringify(result)}`);
      else if (dryRun || result.status !== 'created' || result.notes !== undefined) await print(`${lineOf(result)}\n`);
      told += 1;
    },
    close: async (complete) => {
      if (!complete && told === 0) return;
      if (json) await print(`${told === 0 ? '{\n"results": [' : ''}\n],\n"summary": ${JSON.stringify(counts)}\n}\n`);
      else await print(`${complete ? '' : 'broke off after '}${summaryOf(counts)}\n`);
    },
  };
}

const summaryOf = (counts: Counts): string =>
  Object.entries(counts)
    .filter(([status, count]) => count > 0 || status === 'failed')
    .map(([status, count]) => `${count} ${wordOf(status)}`)
    .join(', ');

const wordOf = (status: string): string =>
  status.replace('_', ' ').replace('exists', 'there already').replace('would create', 'to be created');

function lineOf({ line, status, id, username, errors = [], notes = [] }: ImportResult): string {
  const said = [...errors.map(({ path, message }) => `${path} ${message}`.trim()), ...notes].join('; ');
  const name = username === undefined ? '' : ` ${visible(username)}`;
  return `line ${line} ${status.replace('_', ' ')}${name}${id === undefined ? '' : ` (id ${id})`}${said === '' ? '' : `: ${visible(said)}`}`;
}

/** Writes to stdout no faster than it is read. Where nobody reads on, the import goes on, as it would change nothing half-way. */
function createPrinter(progress: Progress): (text: string) => Promise<void> {
  let gone = false;
  process.stdout.on('error', () => {
    gone = true;
  });
  return async (text) => {
    progress.giveWay();
    if (gone || process.stdout.write(text)) return;
    await once(process.stdout, 'drain').catch(() => {
      gone = true;
    });
  };
}
