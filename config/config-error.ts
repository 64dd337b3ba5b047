/** Settings that can't be started with: one fault a line, each naming the variable and the fix, none showing a value. */
export class ConfigError extends Error {
  constructor(readonly faults: readonly string[]) {
    super(faults.join('\n'));
    this.name = 'ConfigError';
  }
}
