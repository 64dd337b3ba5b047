import { expect } from '@jest/globals';
import { type Server, STATUS_CODES } from 'node:http';
import { connect } from 'node:net';
import { sawAnswer } from './seen.js';

/** An answer as it came over the wire. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Everything that came, so that a second answer shows. */
  readonly wire: string;
}

/** Starts a server on a free port of this machine, and returns the port. */
export function listen(server: Server): Promise<number> {
  return new Promise((done, failed) => {
    server.once('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (typeof address === 'object' && address !== null) done(address.port);
      else failed(new TypeError('the server listens on no port'));
    });
  });
}

export function stop(server: Server): Promise<void> {
  return new Promise((done) => {
    server.close(() => {
      done();
    });
    server.closeAllConnections();
  });
}

/** How long a server may be silent before it answers or closes. */
const PATIENCE_MS = 3000;

/**
 * Sends these very bytes, and gives what comes back until the server closes; throws where it doesn't. A request in them
 * has to ask for that.
 */
export function exchange(port: number, bytes: string | Buffer, patienceMs = PATIENCE_MS): Promise<RawAnswer> {
  return new Promise((done, failed) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.setTimeout(patienceMs, () => {
      failed(new Error(`the server kept the connection open, after: ${Buffer.concat(chunks).toString('utf8').slice(0, 500)}`));
      socket.destroy();
    });
    // A server that refuses what is still being sent may reset the connection after its answer.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      const answer = parseAnswer(Buffer.concat(chunks).toString('utf8'));
      sawAnswers(answer);
      done(answer);
    });
  });
}

/** A connection that a client keeps: what is sent on it ends no sooner than the server does. */
export interface KeptConnection {
  send(bytes: string): void;
  /** Resolves when the text has come; throws where the server closes first. */
  received(text: string): Promise<void>;
  /** Resolves with all that came, when the server has closed it. */
  readonly closed: Promise<string>;
}

export function keepConnection(port: number): KeptConnection {
  let wire = '';
  const socket = connect(port, '127.0.0.1');
  socket.on('data', (chunk: Buffer) => {
    wire += chunk.toString();
  });
  socket.on('error', () => undefined);
  const closed = new Promise<string>((done) => {
    socket.on('close', () => {
      sawAnswers({ wire });
      done(wire);
    });
  });
  return {
    closed,
    send: (bytes) => {
      socket.write(bytes);
    },
    received: (text) =>
      new Promise((done, failed) => {
        const look = (): void => {
          if (wire.includes(text)) done();
        };
        socket.on('data', look);
        look();
        void closed.then(() => {
          failed(new Error(`the server closed before it said "${text}":\n${wire}`));
        });
      }),
  };
}

export function parseAnswer(wire: string): RawAnswer {
  const [head = '', ...rest] = wire.split('\r\n\r\n');
  const [first = '', ...lines] = head.split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const [name, value] = [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return { status: Number(first.split(' ')[1] ?? 0), headers, body: rest.join('\r\n\r\n'), wire };
}

/** The same answer with its body in one piece, where it came in chunks (RFC 9112 §7.1); one that breaks off keeps them. */
export function unchunked(answer: RawAnswer): RawAnswer {
  if (answer.headers['transfer-encoding'] !== 'chunked') return answer;
  const bytes = Buffer.from(answer.body);
  const pieces: Buffer[] = [];
  for (let at = 0; ;) {
    const from = bytes.indexOf('\r\n', at) + 2;
    const length = parseInt(bytes.toString('latin1', at, from), 16);
    if (from === 1 || !(from + length < bytes.length)) return answer;
    if (length === 0) return { ...answer, body: Buffer.concat(pieces).toString() };
    pieces.push(bytes.subarray(from, from + length));
    at = from + length + 2;
  }
}

/** A request that ends its connection. */
export function request(
  method: string,
  target: string,
  { headers = [], body = '' }: { headers?: readonly string[]; body?: string } = {},
): string {
  return [`${method} ${target} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...headers, '', body].join('\r\n');
}

export const get = (target: string, ...headers: string[]): string => request('GET', target, { headers });

export const postJson = (target: string, body: string, ...headers: string[]): string =>
  request('POST', target, { headers: ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`, ...headers], body });

/** The status of each answer that came. */
export const statusesOf = ({ wire }: Pick<RawAnswer, 'wire'>): number[] =>
  Array.from(wire.matchAll(/HTTP\/1\.1 (\d{3}) /g), ([, status]) => Number(status));

function sawAnswers(answer: Pick<RawAnswer, 'wire'>): void {
  const statuses = statusesOf(answer);
  for (const status of statuses.length === 0 ? [0] : statuses) sawAnswer(status);
}

/** One answer and no second, which is that error in the contract's shape. */
export function expectRawProblem(answer: RawAnswer, status: number, code: string): void {
  expect(statusesOf(answer)).toEqual([status]);
  expect(answer.headers['content-type']).toMatch(/^application\/(problem\+)?json; charset=utf-8$/);
  expect(answer.headers['cache-control']).toBe('no-store');
  expect(JSON.parse(answer.body)).toMatchObject({
    type: `/errors#${code}`,
    title: STATUS_CODES[status],
    status,
    code,
    request_id: answer.headers['x-request-id'],
  });
  if (status === 401) expect(answer.headers['www-authenticate']).toMatch(/^Bearer\b/);
}
