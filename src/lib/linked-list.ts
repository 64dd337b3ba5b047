/** A value in a linked list. */
export interface Link<T> {
  readonly value: T;
  /** Removes the value from its list; has no effect the second time. */
  readonly remove: () => void;
}

/** A doubly linked list. Every operation takes constant time. */
export interface LinkedList<T> {
  readonly size: () => number;
  /** Appends a value. */
  readonly push: (value: T) => Link<T>;
  readonly first: () => Link<T> | undefined;
  readonly last: () => Link<T> | undefined;
}

interface Node<T> extends Link<T> {
  previous: Node<T> | undefined;
  next: Node<T> | undefined;
}

export function createLinkedList<T>(): LinkedList<T> {
  let head: Node<T> | undefined;
  let tail: Node<T> | undefined;
  let size = 0;
  const unlink = ({ previous, next }: Node<T>): void => {
    if (previous === undefined) head = next;
    else previous.next = next;
    if (next === undefined) tail = previous;
    else next.previous = previous;
    size -= 1;
  };
  return {
    size: () => size,
    push: (value) => {
      let linked = true;
      const remove = (): void => {
        if (linked) unlink(node);
        linked = false;
      };
      const node: Node<T> = { value, remove, previous: tail, next: undefined };
      if (tail === undefined) head = node;
      else tail.next = node;
      tail = node;
      size += 1;
      return node;
    },
    first: () => head,
    last: () => tail,
  };
}
