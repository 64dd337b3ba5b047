/** Writes one line: facts and a message, or a message alone. */
interface Write {
  (facts: object, message?: string): void;
  (message: string): void;
}

/** A log, as a pino logger is one. */
export interface Logger {
  level: string;
  readonly fatal: Write;
  readonly error: Write;
  readonly warn: Write;
  readonly info: Write;
  readonly debug: Write;
  readonly trace: Write;
  /** Returns a logger whose lines also carry these facts. */
  child(facts: object): Logger;
  isLevelEnabled(level: string): boolean;
  /** Writes what is buffered, then calls `done`. */
  flush(done?: (error?: Error) => void): void;
}
