/** In place of `node:os`: the priority that a thread for hashes takes would be this process's. */
export const setPriority = () => undefined;
