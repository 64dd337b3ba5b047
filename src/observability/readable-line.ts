type Entry = Readonly<Record<string, unknown>>;

/** Members that stand elsewhere in the line, or that only a program needs. */
const PLACED = ['level', 'time', 'msg', 'err'];
const PLACED_OF_REQUEST = [...PLACED, 'method', 'path', 'status', 'ms', 'fault', 'username', 'user_id', 'ip', 'request_id'];
const INDENT = '    ';

/** Formats one JSON line of the log for a developer's terminal: one line a request, and the stack of an error below its line. */
export function readableLine(json: string): string {
  const entry: unknown = JSON.parse(json);
  return isEntry(entry) ? `${[...headOf(entry), ...errorLines(entry['err'])].join('\n')}\n` : json;
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value));
const isEntry = (value: unknown): value is Entry => typeof value === 'object' && value !== null;

function headOf(entry: Entry): string[] {
  const isRequest = typeof entry['method'] === 'string' && typeof entry['path'] === 'string';
  const said = isRequest ? requestWords(entry) : [shown(entry['msg'])];
  const placed = isRequest ? PLACED_OF_REQUEST : PLACED;
  const rest = Object.fromEntries(Object.entries(entry).filter(([name]) => !placed.includes(name)));
  const level = String(entry['level']);
  const words = [
    localTime(entry['time']),
    ...(level === 'info' ? [] : [level.toUpperCase()]),
    ...said,
    ...(Object.keys(rest).length === 0 ? [] : [JSON.stringify(rest)]),
  ];
  return [onOneLine(words.join(' '))];
}

/** As in `POST /token 200 38ms ada`, with the code of the error behind the status. */
function requestWords({ method, path, status, ms, fault, username, user_id: userId }: Entry): string[] {
  const user = userId === undefined ? [] : [`user ${shown(userId)}`];
  return [
    String(method),
    String(path),
    status === undefined ? 'aborted' : shown(status),
    ...(fault === undefined ? [] : [shown(fault)]),
    `${Math.round(Number(ms))}ms`,
    ...(typeof username === 'string' ? [username] : user),
  ];
}

/** Indented, so that no line of a message looks like another entry. */
function errorLines(error: unknown): string[] {
  if (!isEntry(error)) return error === undefined ? [] : [INDENT + onOneLine(shown(error))];
  const { stack, message, cause } = error;
  const text = typeof stack === 'string' ? stack : shown(message);
  const lines = text.split(/[\r\n\u2028\u2029]+/).map((line) => INDENT + onOneLine(line.trimStart()));
  return isEntry(cause) ? [...lines, `${INDENT}caused by`, ...errorLines(cause)] : lines;
}

function localTime(time: unknown): string {
  const date = new Date(String(time));
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}

/** A value must neither begin a line nor move the cursor. */
const onOneLine = (text: string): string => text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ');
