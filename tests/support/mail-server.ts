import { text as textOf } from 'node:stream/consumers';
import { once } from 'node:events';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

/** A mail as a mail server has accepted it. */
export interface DeliveredMail {
  readonly from: string;
  readonly to: readonly string[];
  /** By their names in lower case, as they are read. */
  readonly headers: Readonly<Record<string, string>>;
  /** As they came over the wire. */
  readonly rawHeaders: string;
  readonly text: string;
  readonly html: string;
  /** Whether it came over TLS. */
  readonly secure: boolean;
}

/** What a mail server says of a recipient or a mail; nothing where it takes it. */
type Verdict = number | undefined;

/** A mail server on loopback, whose moods a test decides. */
export interface MailServer {
  readonly port: number;
  readonly url: string;
  /** What it has accepted. */
  readonly mails: DeliveredMail[];
  /** How often somebody has sent it a whole mail, accepted or not. */
  readonly offered: () => number;
  /** What it says of a recipient. */
  onRecipient: (address: string) => Verdict;
  /** What it says of a mail that it was sent, and when. */
  onMail: (offered: DeliveredMail) => Verdict | Promise<Verdict>;
  stop(): Promise<void>;
  /** Listens again, at the same port. */
  start(): Promise<void>;
}

export async function startMailServer(options: SMTPServerOptions = {}): Promise<MailServer> {
  const mails: DeliveredMail[] = [];
  let offered = 0;
  let running: SMTPServer | undefined;
  const listen = async (port: number): Promise<number> => {
    running = new SMTPServer({ ...QUIET, ...options, ...handlers });
    running.on('error', () => undefined);
    running.listen(port, '127.0.0.1');
    await once(running.server, 'listening');
    const address = running.server.address();
    if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port');
    return address.port;
  };
  const handlers: SMTPServerOptions = {
    onRcptTo: ({ address }, _session, done) => {
      done(refusal(server.onRecipient(address)));
    },
    onData: (stream, { envelope, secure }, done) => {
      const take = async (): Promise<Error | null> => {
        const { mailFrom, rcptTo } = envelope;
        const read = readMail(await textOf(stream));
        const from = mailFrom === false ? '' : mailFrom.address;
        const mail = { ...read, from, to: rcptTo.map(({ address }) => address), secure };
        offered += 1;
        const verdict = await server.onMail(mail);
        if (verdict === undefined) mails.push(mail);
        return refusal(verdict);
      };
      void take().then(done, done);
    },
  };
  const port = await listen(0);
  const server: MailServer = {
    port,
    url: `${options.secure ? 'smtps' : 'smtp'}://127.0.0.1:${port}`,
    mails,
    offered: () => offered,
    onRecipient: () => undefined,
    onMail: () => undefined,
    stop: async () => {
      const stopping = running;
      if (stopping === undefined) return;
      running = undefined;
      await new Promise<void>((done) => {
        stopping.close(done);
      });
    },
    start: async () => {
      await listen(port);
    },
  };
  return server;
}

const QUIET: SMTPServerOptions = {
  authOptional: true,
  disabledCommands: ['AUTH'],
  hideSTARTTLS: true,
  disableReverseLookup: true,
  closeTimeout: 50,
};

const refusal = (code: Verdict): Error | null =>
  code === undefined ? null : Object.assign(new Error('no, <you> and your canary-password'), { responseCode: code });

/** Header and two parts of a mail in MIME (RFC 2045, RFC 2046, RFC 2047), as nodemailer writes them. */
function readMail(raw: string): Pick<DeliveredMail, 'headers' | 'rawHeaders' | 'text' | 'html'> {
  const { headers, rawHeaders, body } = entity(raw);
  const boundary = /boundary="([^"]+)"/.exec(headers['content-type'] ?? '')?.[1];
  if (boundary === undefined) throw new TypeError('a mail has parts');
  const parts = body
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => entity(part.replace(/^\r\n/, '')));
  const partOf = (type: string): string => {
    const part = parts.find(({ headers: own }) => own['content-type']?.startsWith(type));
    if (part === undefined) throw new TypeError(`a mail has a part of ${type}`);
    return part.headers['content-transfer-encoding'] === 'quoted-printable' ? quotedPrintable(part.body) : part.body;
  };
  return { headers, rawHeaders, text: partOf('text/plain').replaceAll('\r\n', '\n').trimEnd(), html: partOf('text/html') };
}

function entity(raw: string): { headers: Record<string, string>; rawHeaders: string; body: string } {
  const end = raw.indexOf('\r\n\r\n');
  const rawHeaders = raw.slice(0, end);
  const lines = rawHeaders.replace(/\r\n[ \t]+/g, ' ').split('\r\n');
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), encodedWords(line.slice(colon + 1).trim())] as const;
  });
  if (new Set(headers.map(([name]) => name)).size !== headers.length) throw new TypeError('a header stands in it twice');
  return { headers: Object.fromEntries(headers), rawHeaders, body: raw.slice(end + 4) };
}

const quotedPrintable = (text: string): string =>
  Buffer.from(
    text.replace(/=\r\n/g, '').replace(/=([0-9A-F]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  ).toString('utf8');

const encodedWords = (text: string): string =>
  text
    .replace(/\?= =\?/g, '?==?')
    .replace(/=\?utf-8\?([qb])\?([^?]*)\?=/gi, (_all, kind: string, word: string) =>
      kind.toLowerCase() === 'b' ? Buffer.from(word, 'base64').toString('utf8') : quotedPrintable(word.replaceAll('_', ' ')),
    );
