import type { Hasher } from '../adapters/hasher.js';

export interface PartState {
  readonly status: 'up' | 'down';
}

/** Whether requests should be sent here. */
export interface Health {
  /** Each part's state; `process` is down while it drains. Never throws. */
  parts(): Promise<Readonly<Record<'database' | 'hasher' | 'process', PartState>>>;
  /** From now on not ready: said before the process ends, so that a balancer looks elsewhere. */
  drain(): void;
  readonly draining: boolean;
}

const state = (up: boolean): PartState => ({ status: up ? 'up' : 'down' });

interface Parts {
  /** Throws where the database can't serve. */
  readonly pingDatabase: () => Promise<void>;
  readonly hasher: Hasher;
  readonly queueLimit: number;
}

export function createHealth({ pingDatabase, hasher, queueLimit }: Parts): Health {
  let draining = false;
  return {
    parts: async () => {
      const answers = await pingDatabase().then(
        () => true,
        () => false,
      );
      return { database: state(answers), hasher: state(hasher.waiting() < queueLimit), process: state(!draining) };
    },
    drain: () => {
      draining = true;
    },
    get draining() {
      return draining;
    },
  };
}
