import { createHmac, timingSafeEqual } from 'node:crypto';
import { deriveKeys, type RootKeys } from '../../lib/derived-key.js';
import { CHAINED, type NewEventRow, type StoredEvent } from '../../models/audit-event.model.js';
import { MOST_SEQ, type StoredHead } from '../../models/audit-head.model.js';

/** What stands in the place of a predecessor's code before the first event. */
export const FIRST = 'the-first';
/** The seal of a head that was not sound when it went on: no code of ours is ever like this, so that it stays told. */
export const UNSOUND = 'unsound';

/** Up to where a chain goes, and from where on it is there. */
export interface Head {
  readonly seq: number;
  readonly mac: string;
  readonly anchor_seq: number;
  readonly anchor_mac: string;
}

/** The head of a chain of no events. */
export const EMPTY: Head = { seq: 0, mac: FIRST, anchor_seq: 0, anchor_mac: FIRST };

/** The codes that chain audit events together, under keys made of ROOT_KEY: who can write to the database can't make one. */
export interface Chain {
  /** The code of an event, which its predecessor's goes into. */
  macOf(previous: string, event: StoredEvent | Omit<NewEventRow, 'mac'>): string;
  /** Whether an event as stored is what was recorded behind that predecessor. */
  follows(previous: string, event: StoredEvent): boolean;
  sealOf(head: Head): string;
  /** Whether the head is one that we have written. */
  isSealed(head: StoredHead): boolean;
}

export function createChain(rootKeys: RootKeys): Chain {
  const eventKeys = deriveKeys(rootKeys, 'audit chain');
  const headKeys = deriveKeys(rootKeys, 'audit head');
  const code = (key: Buffer, values: readonly unknown[]): string =>
    createHmac('sha256', key)
      .update(JSON.stringify(values.map(exactly)))
      .digest('base64url');
  const macWith = (key: Buffer, previous: string, event: Parameters<Chain['macOf']>[1]): string =>
    code(key, [previous, ...CHAINED.map((column) => event[column])]);
  const sealWith = (key: Buffer, { seq, mac, anchor_seq, anchor_mac }: StoredHead | Head): string =>
    code(key, [seq, mac, anchor_seq, anchor_mac]);
  return {
    macOf: (previous, event) => macWith(eventKeys.current, previous, event),
    sealOf: (head) => sealWith(headKeys.current, head),
    follows: (previous, event) => eventKeys.all.some((key) => isSame(event.mac, macWith(key, previous, event))),
    isSealed: (head) => headKeys.all.some((key) => isSame(head.seal, sealWith(key, head))),
  };
}

/** JSON has one spelling for what SQLite keeps apart: a BLOB, NULL and infinity; what we never store can't pass for what we do. */
const exactly = (value: unknown): unknown =>
  value === null || typeof value === 'string' || Number.isSafeInteger(value) ? value : [typeof value];

/** Whether what is stored is that text, told in the same time wherever they differ. */
export function isSame(stored: unknown, text: string): boolean {
  if (typeof stored !== 'string') return false;
  const [one, other] = [Buffer.from(stored), Buffer.from(text)];
  return one.length === other.length && timingSafeEqual(one, other);
}

/** A head that can be gone on from, whatever somebody has put there. */
export const usable = ({ seq, mac, anchor_seq, anchor_mac }: StoredHead): Head => ({
  seq: isSeq(seq) ? seq : 0,
  mac: typeof mac === 'string' ? mac : FIRST,
  anchor_seq: isSeq(anchor_seq) ? anchor_seq : 0,
  anchor_mac: typeof anchor_mac === 'string' ? anchor_mac : FIRST,
});

export const isSeq = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= MOST_SEQ;
