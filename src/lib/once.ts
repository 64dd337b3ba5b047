/** Work that is done once, however often it is asked for, and again where it failed. */
export interface Once {
  (): Promise<void>;
  /** What was begun, if it was. */
  underWay(): Promise<void> | undefined;
}

export function once(work: () => Promise<void>): Once {
  let begun: Promise<void> | undefined;
  const run = (): Promise<void> =>
    (begun ??= work().catch((error: unknown) => {
      begun = undefined;
      throw error;
    }));
  return Object.assign(run, { underWay: () => begun });
}
