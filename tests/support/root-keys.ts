import type { RootKeys } from '../../src/lib/derived-key.js';

/** A root key without a previous one. */
export const alone = (current: string): RootKeys => ({ current, previous: undefined });
