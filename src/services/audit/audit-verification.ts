import { AppError } from '../../errors/app-error.js';
import type { Models } from '../../models/index.js';
import type { StoredEvent } from '../../models/audit-event.model.js';
import type { StoredHead } from '../../models/audit-head.model.js';
import { type Chain, EMPTY, type Head, isSame, isSeq, usable } from './audit-chain.js';

const PAGE = 1000;
/** More tell nobody anything; the rest of the chain is still read. */
const MOST_FAULTS = 100;
const NOTED = /^(\d{1,15}):([\w-]{1,64})$/;

/** What is wrong with the chain, and at which event; null where it is none's. */
export interface AuditFault {
  readonly seq: number | null;
  readonly what: string;
}

export interface AuditVerification {
  readonly intact: boolean;
  /** How many events there are. */
  readonly checked: number;
  /** As `head` of the audit service gives it. */
  readonly head: string;
  /** At most 100. */
  readonly faults: readonly AuditFault[];
}

/** A head as it was noted elsewhere. */
interface Noted {
  readonly seq: number;
  readonly mac: string;
}

export const headText = ({ seq, mac }: Head): string => `${seq}:${mac}`;

/** Reads what `headText` made. Throws `validation_failed`. */
export function readHead(text: string): Noted {
  const [, seq, mac] = NOTED.exec(text) ?? [];
  if (seq === undefined || mac === undefined) {
    throw new AppError('validation_failed', {
      details: { fields: [{ path: 'head', code: 'format', message: 'must be what `audit head` printed: a number, a colon and a code' }] },
    });
  }
  return { seq: Number(seq), mac };
}

interface Parts {
  readonly models: Pick<Models, 'AuditEvent' | 'AuditHead'>;
  readonly chain: Chain;
}

/** Reads the whole chain and names every fault. Events may be recorded meanwhile, and retention may cut. */
export async function verifyChain(parts: Parts, noted: Noted | undefined): Promise<AuditVerification> {
  for (;;) {
    const { verification, cutMeanwhile } = await walkChain(parts, noted);
    if (verification.intact || !cutMeanwhile) return verification;
  }
}

async function walkChain(parts: Parts, noted: Noted | undefined): Promise<{ verification: AuditVerification; cutMeanwhile: boolean }> {
  const { models, chain } = parts;
  const begun = await models.AuditHead.read();
  const isStart = begun.seq !== null || begun.last_seq === null;
  const walk = createWalk(chain, isStart ? usable(begun) : undefined, noted);
  const head = await walkToHead(parts, walk);
  const faults = [...walk.faults, ...headFaults(walk, head, chain), ...notedFaults(walk, head, noted)].slice(0, MOST_FAULTS);
  return {
    verification: { intact: faults.length === 0, checked: walk.checked(), head: headText(usable(head)), faults },
    cutMeanwhile: chain.isSealed(head) && usable(head).anchor_seq > usable(begun).anchor_seq,
  };
}

/** Walks until the head that is there then. Events come with theirs in one commit: those up to one that was read are there at the next reading. */
async function walkToHead({ models: { AuditEvent, AuditHead } }: Parts, walk: Walk): Promise<StoredHead> {
  let after: number | undefined;
  for (let known: number | undefined; ;) {
    after = await walkOn(AuditEvent, walk, after);
    const head = await AuditHead.read();
    const { seq } = usable(head);
    if (seq <= walk.last() || seq === known) return head;
    known = seq;
  }
}

/** Walks to the last event that is there, and says its number. */
async function walkOn(model: Models['AuditEvent'], walk: Walk, after: number | undefined): Promise<number | undefined> {
  const page = await model.storedAfter(after, PAGE);
  for (const event of page) walk.step(event);
  const last = page.at(-1)?.seq;
  // A number that no event of ours can have may not even be told exactly, and is never left behind.
  return page.length === PAGE && isSeq(last) ? walkOn(model, walk, last) : isSeq(last) ? last : after;
}

interface Walk {
  readonly faults: AuditFault[];
  step(event: StoredEvent): void;
  /** The number of the last event that was walked, or retention's last. */
  last(): number;
  lastMac(): unknown;
  checked(): number;
  /** The code of the event that the noted head names, where it was met. */
  notedMac(): unknown;
}

/**
 * Goes from link to link, from what retention has removed last; where there is no head to tell that, from the first event
 * that is there. Who has no predecessor there can't be held against one.
 */
function createWalk(chain: Chain, from: Head | undefined, noted: Noted | undefined): Walk {
  const faults: AuditFault[] = [];
  let last = from?.anchor_seq;
  let previous: unknown = from?.anchor_mac;
  let checked = 0;
  let notedMac: unknown = from !== undefined && from.anchor_seq === noted?.seq ? from.anchor_mac : undefined;
  const faultOf = (event: StoredEvent): AuditFault | undefined => {
    const seq = Number(event.seq);
    if (!isSeq(event.seq) || (last !== undefined && seq <= last))
      return { seq, what: 'was inserted: no event has this number, or none has it still' };
    if (last === undefined) return undefined;
    if (seq > last + 1) return { seq: last + 1, what: seq === last + 2 ? 'was removed' : `was removed, and all up to ${seq - 1}` };
    const follows = typeof previous === 'string' && chain.follows(previous, event);
    return follows ? undefined : { seq, what: 'was changed or inserted, or what stood before it was' };
  };
  return {
    faults,
    step: (event) => {
      checked += 1;
      const fault = faultOf(event);
      if (fault !== undefined && faults.length < MOST_FAULTS) faults.push(fault);
      if (event.seq === noted?.seq) notedMac = event.mac;
      if (!isSeq(event.seq) || (last !== undefined && event.seq <= last)) return;
      last = event.seq;
      previous = event.mac;
    },
    last: () => last ?? 0,
    lastMac: () => previous,
    checked: () => checked,
    notedMac: () => notedMac,
  };
}

function headFaults(walk: Walk, head: StoredHead, chain: Chain): AuditFault[] {
  if (head.seq === null) return walk.checked() === 0 ? [] : [{ seq: null, what: 'the head was removed' }];
  const { seq, mac } = usable(head);
  const last = walk.last();
  return [
    ...(chain.isSealed(head)
      ? []
      : [{ seq: null, what: 'the head’s seal is broken: it was changed, or retention has met events that were' }]),
    ...(last < seq ? [{ seq: last + 1, what: last + 1 === seq ? 'was cut off' : `was cut off, and all up to ${seq}` }] : []),
    ...(last > seq ? [{ seq: seq + 1, what: 'was inserted behind the head' }] : []),
    ...(last === seq && !isSame(walk.lastMac(), mac) ? [{ seq, what: 'is not the event that the head was made of' }] : []),
  ];
}

function notedFaults(walk: Walk, head: StoredHead, noted: Noted | undefined): AuditFault[] {
  if (noted === undefined || isSame(walk.notedMac(), noted.mac)) return [];
  const { seq } = noted;
  if (seq === EMPTY.seq && noted.mac === EMPTY.mac) return [];
  if (seq > walk.last()) return [{ seq, what: 'the noted head lies behind the last event: the tail was cut off' }];
  if (seq <= usable(head).anchor_seq) return [{ seq, what: 'retention has removed the event of the noted head; note a newer one' }];
  return [{ seq, what: 'is not the event of the noted head: the chain was cut off and written anew' }];
}
