import type { Config } from '../config/index.js';
import { isFile } from './adapters/database.js';
import { every, type Repeated } from './lib/every.js';
import type { Logger } from './observability/logger.js';
import type { Inner, Services } from './services/index.js';

/** How often it is read what other processes have revoked: four times within the second that they may be late by. */
const REVOCATIONS_MS = 250;
/** How often it is read which key pairs there are. A new one is known long before it signs. */
const KEYS_MS = 1000;
/** How often the formats of the stored hashes are read: so long a failed log-in may take another time for a new format. */
const HASH_FORMATS_MS = 1000;
/** How soon a mail leaves after what caused it. */
const MAILS_MS = 500;
/** How long after its window a summary of refusals is recorded, at most. */
const SUMMARIES_MS = 5000;
const PRUNE_MS = 60 * 60 * 1000;
const FIRST_PRUNE_MS = 60 * 1000;

interface Parts {
  readonly config: Config;
  readonly services: Services;
  readonly inner: Inner;
  readonly logger: Logger;
}

/** What goes on for as long as the service runs. What fails is tried again, and told once; so is that it works again. */
export function startJobs({ config, services, inner, logger }: Parts): Repeated[] {
  const repeat = (milliseconds: number, what: string, work: () => Promise<void>, first?: number): Repeated =>
    every(milliseconds, toldOnce(logger, what, work), first);
  const { audit, keys, oneTimeTokens, outbox, sessions, storedHashes } = services;
  // Nobody else can write to a database in memory.
  const shared = config.database.dialect === 'postgres' || isFile(config.database);
  const pruneAll = async (): Promise<void> => {
    for (const kept of [sessions, oneTimeTokens, outbox, audit]) while (await kept.prune());
  };
  return [
    ...(shared ? [repeat(REVOCATIONS_MS, 'reading what was revoked', () => inner.revocations.sync())] : []),
    ...(keys.changes ? [repeat(KEYS_MS, 'reading the signing keys', () => keys.load())] : []),
    repeat(HASH_FORMATS_MS, 'reading the formats of stored hashes', () => storedHashes.refresh()),
    repeat(MAILS_MS, 'working on the outbox', () => outbox.deliver()),
    repeat(SUMMARIES_MS, 'recording summaries of refusals', () => audit.recordSummaries()),
    // Not all processes at one time, and also where none lives for an hour.
    repeat(PRUNE_MS, 'removing what ended long ago', pruneAll, FIRST_PRUNE_MS * (1 + Math.random())),
  ];
}

function toldOnce(logger: Logger, what: string, work: () => Promise<void>): () => Promise<void> {
  let failing = false;
  return async () => {
    try {
      await work();
      if (failing) logger.info(`${what} works again`);
      failing = false;
    } catch (error) {
      if (!failing) logger.warn({ err: error }, `${what} failed; it is tried again`);
      failing = true;
    }
  };
}
