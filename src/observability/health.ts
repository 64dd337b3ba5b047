import type { Hasher } from '../adapters/hasher.js';
import { type ProxyWatch, UNTRUSTED_PROXY } from './proxy-watch.js';

export interface PartState {
  readonly status: 'up' | 'down';
}

/** Whether requests should be sent here. */
export interface Health {
  /** Each part's state; `process` is down while it drains. Never throws. */
  parts(): Promise<Readonly<Record<'database' | 'hasher' | 'process' | 'revocations', PartState>>>;
  /** What the operator should look at while all parts are up. */
  warnings(): string[];
  /** From now on not ready: said before the process ends, so that a balancer looks elsewhere. */
  drain(): void;
  readonly draining: boolean;
}

const state = (up: boolean): PartState => ({ status: up ? 'up' : 'down' });

interface Parts {
  /** Throws where the database can't serve. */
  readonly pingDatabase: () => Promise<void>;
  /** Throws where it can't be known who was logged out elsewhere. */
  readonly knowRevocations: () => Promise<void>;
  readonly hasher: Hasher;
  readonly queueLimit: number;
  readonly proxyWatch: ProxyWatch;
}

const succeeds = (work: Promise<void>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  );

export function createHealth({ pingDatabase, knowRevocations, hasher, queueLimit, proxyWatch }: Parts): Health {
  let draining = false;
  return {
    parts: async () => {
      const database = state(await succeeds(pingDatabase()));
      const revocations = state(await succeeds(knowRevocations()));
      return { database, hasher: state(hasher.waiting() < queueLimit), process: state(!draining), revocations };
    },
    warnings: () => (proxyWatch.warns() ? [UNTRUSTED_PROXY] : []),
    drain: () => {
      draining = true;
    },
    get draining() {
      return draining;
    },
  };
}
