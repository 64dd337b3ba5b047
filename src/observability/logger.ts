import { types } from 'node:util';
import { type DestinationStream, pino, stdSerializers } from 'pino';
import type { Logger } from './log.js';
import { readableLine } from './readable-line.js';

export type { Logger } from './log.js';

/** Members whose values never reach a log, however deep they lie and whatever they lie in. */
const SECRET_MEMBERS = new Set([
  'password',
  'new_password',
  'current_password',
  'hashed_password',
  'token',
  'access_token',
  'refresh_token',
  'mfa_token',
  'accessToken',
  'refreshToken',
  'service_key',
  'key_hash',
  'sealed_private_key',
  'sealed_content',
  'token_hash',
  'code_hash',
  'password_hash',
  'SMTP_URL',
  'smtpUrl',
  'codes',
  'link',
  'code',
  'recovery_code',
  'secret',
  'secretKey',
  'previousSecretKey',
  'rootKey',
  'SECRET_KEY',
  'SECRET_KEY_PREVIOUS',
  'ROOT_KEY',
  'DATABASE_URL',
  'authorization',
  'cookie',
  'set-cookie',
]);

/** The same object with secret members blotted out. Done here, as pino's own redaction costs a request a tenth of its time. */
function redact(object: Record<string, unknown>, depth = 0): Record<string, unknown> {
  let redacted = object;
  for (const [name, value] of Object.entries(object)) {
    const safe = SECRET_MEMBERS.has(name) ? '[redacted]' : redactValue(value, depth);
    if (safe !== value) redacted = { ...redacted, [name]: safe };
  }
  return redacted;
}

/** As JSON would show it. Errors are left to their serializer. */
function redactValue(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || types.isNativeError(value)) return value;
  if (depth > MOST_DEPTH) return '[too deep]';
  if ('toJSON' in value && typeof value.toJSON === 'function') return redactValue(Reflect.apply(value.toJSON, value, []), depth + 1);
  return Array.isArray(value) ? value.map((item) => redactValue(item, depth + 1)) : redact({ ...value }, depth + 1);
}

/** Deeper than anything that is logged on purpose; what holds itself has no end. */
const MOST_DEPTH = 8;

/** How many causes of an error are told: they could be each other's. */
const MOST_CAUSES = 5;

/** Only these facts of an error are told: a database error also carries the statement and its values. */
function serializeError(error: Error, depth = 0): Record<string, unknown> {
  const { type, message, stack } = stdSerializers.err(error);
  const code = 'code' in error ? error.code : undefined;
  const cause = types.isNativeError(error.cause) && depth < MOST_CAUSES ? serializeError(error.cause, depth + 1) : undefined;
  return { type, message, ...(code === undefined ? {} : { reason: code }), stack, ...(cause === undefined ? {} : { cause }) };
}

/**
 * A logger that writes one JSON object a line, or readable lines in development. `destination` is for tests.
 * What a child logger is bound to is not looked through: bind no secret. Written without waiting, so that a slow log holds up no request; what is buffered is flushed at exit.
 * What can't be written waits, and is tried again with what comes next.
 */
export function createLogger(options: { level: string; readable: boolean; destination?: DestinationStream }): Logger {
  const destination = options.destination ?? (options.readable ? terminal() : standardOutput());
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: (object) => redact(object) },
      serializers: { err: (error: Error) => serializeError(error) },
    },
    destination,
  );
}

/** Written at once, as a developer looks on. */
function terminal(): DestinationStream {
  const output = pino.destination({ fd: 1, sync: true });
  output.on('error', () => undefined);
  return {
    write: (line) => {
      output.write(readableLine(line));
    },
  };
}

/** So much waits where it can't be written; what comes beyond is lost. */
const MOST_WAITING_BYTES = 4 * 1024 * 1024;

function standardOutput(): DestinationStream {
  const output = pino.destination({ fd: 1, sync: false, minLength: 4096, periodicFlush: 200, maxLength: MOST_WAITING_BYTES });
  const flushSync = output.flushSync.bind(output);
  // Without a listener a full disk under the log would end the process; and the flush at its exit would try for ever.
  output.on('error', () => {
    output.flushSync = () => undefined;
  });
  output.on('write', () => {
    output.flushSync = flushSync;
  });
  return output;
}

/**
 * The path of a request as it may be logged: without its query, and without any part that could be a token. A route's
 * own pattern is used in its place wherever one matched.
 */
export function loggablePath(url: string): string {
  const [path = ''] = url.split('?', 1);
  const hidden = path.replace(/(\/verify-token\/).+/i, '$1[redacted]');
  return hidden
    .split('/')
    .map((part) => (part.length > 32 || part.startsWith('eyJ') ? '[redacted]' : part))
    .join('/')
    .slice(0, 256);
}
