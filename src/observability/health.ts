import type { Database } from '../adapters/database.js';
import type { Hasher } from '../adapters/hasher.js';
import type { WorkQueue } from '../adapters/work-queue.js';
import { type ProxyWatch, UNTRUSTED_PROXY } from './proxy-watch.js';

export interface PartState {
  readonly status: 'up' | 'down';
}

type Parts = Readonly<Record<'database' | 'hasher' | 'process' | 'revocations', PartState>>;

/** Whether requests should be sent here. */
export interface Health {
  /**
   * Each part's state; one whose queue is full is down, and `process` is down while it drains. Who asks meanwhile gets the
   * same answer. Never throws.
   */
  parts(): Promise<Parts>;
  /** What the operator should look at while all parts are up. */
  warnings(): string[];
  /** From now on not ready: said before the process ends, so that a balancer looks elsewhere. */
  drain(): void;
  readonly draining: boolean;
}

const state = (up: boolean): PartState => ({ status: up ? 'up' : 'down' });

interface Needs {
  /** Throws where the database can't serve. */
  readonly pingDatabase: () => Promise<void>;
  /** Throws where it can't be known who was logged out elsewhere. */
  readonly knowRevocations: () => Promise<void>;
  readonly hasher: Hasher;
  readonly queueLimit: number;
  readonly proxyWatch: Pick<ProxyWatch, 'warns'>;
  readonly database: Pick<Database, 'isFull'>;
  readonly requests: Pick<WorkQueue, 'isFull'>;
}

const succeeds = (work: Promise<void>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  );

export function createHealth({ pingDatabase, knowRevocations, hasher, queueLimit, proxyWatch, database, requests }: Needs): Health {
  let draining = false;
  let looking: Promise<Parts> | undefined;
  const look = async (): Promise<Parts> => {
    const answers = await succeeds(pingDatabase());
    const knows = await succeeds(knowRevocations());
    return {
      database: state(answers && !database.isFull()),
      hasher: state(hasher.waiting() < queueLimit),
      process: state(!draining && !requests.isFull()),
      revocations: state(knows),
    };
  };
  return {
    parts: () =>
      (looking ??= look().finally(() => {
        looking = undefined;
      })),
    warnings: () => (proxyWatch.warns() ? [UNTRUSTED_PROXY] : []),
    drain: () => {
      draining = true;
    },
    get draining() {
      return draining;
    },
  };
}
