import type { Flow } from './flow.js';
import { createLinkedList, type Link, type LinkedList } from './linked-list.js';

/**
 * Items that wait, shared fairly: round robin over the clients, and over the accounts of each client (fair queuing,
 * RFC 970). Every operation takes constant time on average, however many items wait.
 */
export interface FairQueue<T> {
  readonly size: () => number;
  /** Appends an item to its flow. Returns a function that removes it, to be called only while the item waits. */
  readonly push: (item: T, flow: Flow) => () => void;
  /** Removes and returns the item whose turn it is. */
  readonly shift: () => T | undefined;
  /** Removes and returns the newest item of the client with the most items; of its account with the most, if several. */
  readonly dropNewest: () => T | undefined;
}

export function createFairQueue<T>(): FairQueue<T> {
  const { push, ...clients } = createShared(() => createShared(createFifo<T>));
  return { ...clients, push: (item, { client, account }) => push(item, [client, account]) };
}

interface Source<T> extends Omit<FairQueue<T>, 'push'> {
  readonly push: (item: T, path: readonly string[]) => () => void;
}

/** Items in their order of arrival. */
function createFifo<T>(): Source<T> {
  const items = createLinkedList<T>();
  const take = (link: Link<T> | undefined): T | undefined => {
    link?.remove();
    return link?.value;
  };
  return {
    size: items.size,
    push: (item) => items.push(item).remove,
    shift: () => take(items.first()),
    dropNewest: () => take(items.last()),
  };
}

/** The items of one key. A lane exists only while it has items. */
interface Lane<T> {
  readonly key: string;
  readonly source: Source<T>;
  leaveTurns: () => void;
  leaveRank: () => void;
}

/** Shares turns among lanes, one for each key; `open` makes the source of a lane. */
function createShared<T>(open: () => Source<T>): Source<T> {
  const lanes = new Map<string, Lane<T>>();
  const turns = createLinkedList<Lane<T>>();
  const ranks = createRanks<Lane<T>>();
  let size = 0;

  const laneOf = (key: string): Lane<T> => {
    const found = lanes.get(key);
    if (found !== undefined) return found;
    const lane: Lane<T> = { key, source: open(), leaveTurns: nothing, leaveRank: nothing };
    lane.leaveTurns = turns.push(lane).remove;
    lanes.set(key, lane);
    return lane;
  };
  const resized = (lane: Lane<T>, by: 1 | -1): void => {
    size += by;
    lane.leaveRank();
    if (lane.source.size() > 0) {
      lane.leaveRank = ranks.enter(lane, lane.source.size());
      return;
    }
    lane.leaveTurns();
    lanes.delete(lane.key);
  };
  return {
    size: () => size,
    push: (item, [key = '', ...rest]) => {
      const lane = laneOf(key);
      const remove = lane.source.push(item, rest);
      resized(lane, 1);
      return () => {
        remove();
        resized(lane, -1);
      };
    },
    shift: () => {
      const lane = turns.first()?.value;
      if (lane === undefined) return undefined;
      lane.leaveTurns();
      lane.leaveTurns = turns.push(lane).remove;
      const item = lane.source.shift();
      resized(lane, -1);
      return item;
    },
    dropNewest: () => {
      const lane = ranks.largest();
      if (lane === undefined) return undefined;
      const item = lane.source.dropNewest();
      resized(lane, -1);
      return item;
    },
  };
}

const nothing = (): void => undefined;

/** Lanes by size, so that the largest is found without looking at every one. */
function createRanks<T>() {
  const bySize: LinkedList<T>[] = [];
  let most = 0;
  return {
    /** Returns a function that takes the lane out of its rank. */
    enter: (lane: T, size: number): (() => void) => {
      most = Math.max(most, size);
      return (bySize[size] ??= createLinkedList()).push(lane).remove;
    },
    /** A lane of the largest size: the one that came to it last, so that of equal lanes the newcomer is it. */
    largest: (): T | undefined => {
      while (most > 0 && bySize[most]?.size() === 0) most -= 1;
      return bySize[most]?.last()?.value;
    },
  };
}
