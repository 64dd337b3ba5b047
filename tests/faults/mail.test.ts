import { writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createSmtpMailer } from '../../src/adapters/mailer.js';
import { selfSigned } from '../support/certificate.js';
import { type MailServer, startMailServer } from '../support/mail-server.js';
import { openOutbox, resetMail, type TestOutbox, TOKEN } from '../support/outbox.js';
import { moduleArguments, moduleUrl, spawnNode } from '../support/process.js';
import { eventually, type LoadedService, loadService, type ServiceProcess, sharedSettings } from '../support/service-process.js';
import { openTarget, targets, type TestTarget } from '../support/test-database.js';
import { useTempFolder } from '../support/temp-folder.js';

const FROM = { name: 'Lingomäte', address: 'no-reply@example.com' };
const SENDER = `${FROM.name} <${FROM.address}>`;
const ADA = 'ada@example.com';
const EVE = 'eve@example.com';

describe('mails over SMTP', () => {
  let server: MailServer;
  let target: TestTarget;
  let outbox: TestOutbox;
  beforeEach(async () => {
    server = await startMailServer();
    target = await openTarget('SQLite in memory');
    outbox = await openOutbox(target, { mailer: createSmtpMailer({ smtpUrl: server.url, from: FROM }) });
  });
  afterEach(async () => {
    await outbox.close();
    await server.stop();
    await target.drop();
  });
  const recipients = (): string[] => server.mails.flatMap(({ to }) => to).sort();
  const later = async (seconds: number): Promise<void> => {
    outbox.clock.advance(seconds);
    await outbox.deliver();
  };

  test('arrive once, in text and HTML, with the headers that they need and no others', async () => {
    await outbox.postNow([resetMail('ädä'), ADA]);
    const [posted] = await outbox.mailbox();
    await later(0);
    await later(3600);
    expect(server.mails).toHaveLength(1);
    const [mail] = server.mails;
    expect(mail).toMatchObject({ from: 'no-reply@example.com', to: [ADA], text: posted?.text.trimEnd() });
    expect(mail?.html.replaceAll('\r\n', '\n').trim()).toBe(posted?.html.trim());
    expect(mail?.headers).toEqual({
      from: SENDER,
      to: ADA,
      subject: 'Reset your Lingomate password',
      'message-id': `<${posted?.id ?? ''}@example.com>`,
      date: expect.any(String),
      'auto-submitted': 'auto-generated',
      'mime-version': '1.0',
      'content-type': expect.stringMatching(/^multipart\/alternative;/),
    });
  });

  test('to a server that is away arrive when it is back, once', async () => {
    await server.stop();
    await outbox.postNow([resetMail(), ADA], [resetMail(), EVE]);
    await later(0);
    expect(outbox.log.filter((line) => line.includes('sending mail failed'))).toEqual([expect.stringContaining('ESOCKET ECONNREFUSED')]);
    await server.start();
    await later(6);
    await later(3600);
    expect(recipients()).toEqual([ADA, EVE]);
  });

  test('to a server that goes away between two of them arrive, once', async () => {
    await outbox.postNow([resetMail(), ADA]);
    await later(0);
    await server.stop();
    await server.start();
    await outbox.postNow([resetMail(), EVE]);
    await later(0);
    await later(6);
    expect(recipients()).toEqual([ADA, EVE]);
  });

  test('to a server that is slow arrive once, and hold up no others', async () => {
    let answer = (): void => undefined;
    server.onMail = ({ to }) => (to[0] === ADA ? new Promise((done) => (answer = done.bind(undefined, undefined))) : undefined);
    await outbox.postNow([resetMail(), ADA]);
    void outbox.deliver();
    await eventually(() => server.offered() === 1);
    await outbox.postNow([resetMail(), EVE]);
    await later(3600);
    expect(recipients()).toEqual([EVE]);
    answer();
    await eventually(() => recipients().length === 2);
    await later(3600);
    expect(server.offered()).toBe(2);
  });

  test('that are put off are sent again, as the same mail', async () => {
    const verdicts = [451, undefined];
    const ids: string[] = [];
    server.onMail = ({ headers }) => {
      ids.push(headers['message-id'] ?? '');
      return verdicts.shift();
    };
    await outbox.postNow([resetMail(), ADA]);
    await later(0);
    await later(6);
    await later(3600);
    expect(recipients()).toEqual([ADA]);
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
  });

  test('to somebody whom the server does not know are given up, and no others; the log says neither to whom nor what the server said', async () => {
    server.onRecipient = (address) => (address === EVE ? 550 : undefined);
    server.onMail = ({ to }) => (to[0] === 'spam@example.com' ? 554 : undefined);
    await outbox.postNow([resetMail(), EVE], [resetMail(), ADA], [resetMail(), 'spam@example.com']);
    for (const wait of [0, 720, 4320, 4320]) await later(wait);
    expect(recipients()).toEqual([ADA]);
    expect((await outbox.rows()).map(({ recipient, state, last_error: why }) => [recipient, state, why])).toEqual([
      [EVE, 'failed', 'EENVELOPE 550'],
      [ADA, 'sent', null],
      ['spam@example.com', 'failed', 'EMESSAGE 554'],
    ]);
    expect(outbox.log).toHaveLength(2);
    expect(outbox.log.join()).not.toMatch(/example|canary|<you>/);
    expect(outbox.log.join()).not.toContain(TOKEN);
  });

  test('whose sender the server refuses wait for somebody to mend that', async () => {
    await server.stop();
    const strict = await startMailServer({
      onMailFrom: (_address, _session, done) => {
        done(Object.assign(new Error('not you'), { responseCode: 550 }));
      },
    });
    const own = await openOutbox(target, { mailer: createSmtpMailer({ smtpUrl: strict.url, from: FROM }) });
    await own.postNow([resetMail(), ADA]);
    for (const wait of [0, 6, 36, 144, 720]) {
      own.clock.advance(wait);
      await own.deliver();
    }
    expect(await own.rows()).toMatchObject([{ state: 'waiting', attempts: 5, last_error: 'EENVELOPE 550' }]);
    await own.close();
    await strict.stop();
  });
});

describe('EHLO', () => {
  /** Sends one mail from that sender and returns the name that the server was greeted with. */
  const greetingFrom = async (address: string): Promise<string | undefined> => {
    let greeting: string | undefined;
    const server = await startMailServer({
      onMailFrom: (_address, { hostNameAppearsAs }, done) => {
        greeting = hostNameAppearsAs;
        done();
      },
    });
    const mailer = createSmtpMailer({ smtpUrl: server.url, from: { name: '', address } });
    await mailer.send({ id: '1', to: ADA, subject: 'Hello', text: 'Hello', html: '<p>Hello</p>' });
    mailer.close();
    await server.stop();
    return greeting;
  };

  test('names the domain of the sender, as the host name of a container is refused', async () => {
    expect(await greetingFrom('no-reply@mail.example.com')).toBe('mail.example.com');
    expect(await greetingFrom('no-reply@bücher.example')).toBe('xn--bcher-kva.example');
  });

  test('names no domain without a dot', async () => {
    expect(await greetingFrom('no-reply@localhost')).not.toBe('localhost');
  });
});

describe('the way to a mail server', () => {
  const folder = useTempFolder();
  const tls = selfSigned('127.0.0.1');
  const servers: MailServer[] = [];
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((one) => one.stop()));
  });
  const start = async (options: Parameters<typeof startMailServer>[0]): Promise<MailServer> => {
    const server = await startMailServer(options);
    servers.push(server);
    return server;
  };
  const mail = { id: '1', to: ADA, subject: 'Hello', text: 'Hello', html: '<p>Hello</p>' };
  const reasonFor = async (smtpUrl: string, to = ADA): Promise<unknown> => {
    const mailer = createSmtpMailer({ smtpUrl, from: FROM });
    try {
      await mailer.send({ ...mail, to });
      return undefined;
    } catch (error) {
      return error;
    } finally {
      mailer.close();
    }
  };

  test('is over TLS where that is asked for, and the certificate has to be one that is trusted', async () => {
    const [without, withTls, fromTheStart] = await Promise.all([
      start({}),
      start({ ...tls, hideSTARTTLS: false }),
      start({ ...tls, secure: true }),
    ]);
    for (const url of [`${without.url}?tls=starttls`, `${withTls.url}?tls=starttls`, fromTheStart.url])
      expect(await reasonFor(url)).toMatchObject({
        name: 'MailError',
        permanent: false,
        message: expect.stringMatching(/^(ETLS|ESOCKET)\b/),
      });
    expect([without, withTls, fromTheStart].map((server) => server.offered())).toEqual([0, 0, 0]);
    expect(await reasonFor(`${withTls.url}?tls=none`)).toBeUndefined();
    expect(await reasonFor(withTls.url)).toBeUndefined();
    expect(withTls.mails.map(({ secure }) => secure)).toEqual([false, false]);
  });

  test('is open with a certificate that is trusted, and a password is told over TLS alone', async () => {
    const told: unknown[] = [];
    const options = {
      ...tls,
      hideSTARTTLS: false,
      disabledCommands: [],
      authOptional: false,
      onAuth: ({ username, password }, { secure }, done) => {
        told.push([username, password, secure]);
        done(null, { user: username });
      },
    } satisfies Parameters<typeof startMailServer>[0];
    const [starttls, secure] = await Promise.all([start(options), start({ ...options, secure: true })]);
    writeFileSync(folder.file('ca.pem'), tls.cert);
    const urls = [`${starttls.url}?tls=starttls`, secure.url].map((url) => url.replace('//', '//me%40x:p%40ss@'));
    const script = `
      import { createSmtpMailer, probeSmtp } from ${JSON.stringify(moduleUrl('src/adapters/mailer.ts'))};
      for (const smtpUrl of ${JSON.stringify(urls)}) {
        await probeSmtp({ smtpUrl, from: ${JSON.stringify(FROM)} });
        const mailer = createSmtpMailer({ smtpUrl, from: ${JSON.stringify(FROM)} });
        await mailer.send(${JSON.stringify(mail)});
        mailer.close();
      }`;
    const finished = await spawnNode(moduleArguments(script), folder.path, { NODE_EXTRA_CA_CERTS: folder.file('ca.pem') }).finished;
    expect(finished).toMatchObject({ code: 0, stderr: '' });
    expect([starttls, secure].flatMap(({ mails }) => mails.map((one) => one.secure))).toEqual([true, true]);
    expect(told).toEqual(Array(4).fill(['me@x', 'p@ss', true]));
  });

  test.each([
    ['a list', `${ADA}, ${EVE}`],
    ['a name and an address', `Ada <${ADA}>`],
    ['a header of its own', `${ADA}\r\nBcc: ${EVE}`],
    ['a command of its own', `${ADA}>\r\nRCPT TO:<${EVE}`],
    ['a parameter of its own', `${ADA}> NOTIFY=NEVER <x`],
    ['no address', 'ada'],
  ])('a recipient who is %s is refused for good', async (_, to) => {
    const server = await start({});
    expect(await reasonFor(server.url, to)).toMatchObject({ name: 'MailError', permanent: true });
    expect(server.offered()).toBe(0);
  });

  test('a password that the server refuses is in no error', async () => {
    const server = await start({
      disabledCommands: [],
      allowInsecureAuth: true,
      onAuth: ({ password }, _session, done) => {
        done(Object.assign(new Error(`not ${password ?? ''}`), { responseCode: 535 }));
      },
    });
    const error = await reasonFor(server.url.replace('//', '//me:canary-password@'));
    expect(error).toMatchObject({ message: 'EAUTH 535', permanent: false });
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('canary');
  });
});

describe.each(targets.filter((kind) => kind !== 'SQLite in memory'))('two services and their mail server, on %s:', (kind) => {
  let server: MailServer;
  let target: TestTarget;
  let loaded: LoadedService[];
  let one: ServiceProcess;
  let other: ServiceProcess;
  beforeAll(async () => {
    server = await startMailServer();
    target = await openTarget(kind);
    const settings = sharedSettings(target.url, { SMTP_URL: server.url, MAIL_FROM: SENDER });
    loaded = [loadService(settings), loadService(settings), loadService(settings)];
    const [first, second] = await Promise.all(loaded.slice(0, 2).map((service) => service.start()));
    if (first === undefined || second === undefined) throw new TypeError('two were started');
    [one, other] = [first, second];
  });
  afterAll(async () => {
    await Promise.all(loaded.map((service) => service.kill()));
    await server.stop();
    await target.drop();
  });
  const register = async (at: ServiceProcess, username: string): Promise<number> => {
    const body = { username, password: 'a password of my own', email: `${username}@example.com` };
    return (await at.send('POST', '/register', { body })).status;
  };
  const timesOf = (username: string): number => server.mails.filter(({ to }) => to[0] === `${username}@example.com`).length;

  test('each mail arrives once, whichever of them was asked', async () => {
    const names = Array.from({ length: 10 }, (_, index) => `user-${index}`);
    expect(await Promise.all(names.map((name, index) => register(index % 2 ? one : other, name)))).toEqual(Array(10).fill(201));
    await eventually(() => names.every((name) => timesOf(name) > 0));
    expect(names.map(timesOf)).toEqual(Array(10).fill(1));
  });

  test('a mail that was caused while the server was away arrives when it is back', async () => {
    await server.stop();
    expect(await register(one, 'countess')).toBe(201);
    await server.start();
    await eventually(async () => {
      await Promise.all([one, other].map((service) => service.advance(6)));
      return timesOf('countess') > 0;
    });
    expect(timesOf('countess')).toBe(1);
  });

  test('a mail whose sender is killed before the server has answered is sent by the next, and arrives once', async () => {
    const ids: unknown[] = [];
    server.onMail = ({ headers }) => {
      ids.push(headers['message-id']);
      return ids.length === 1 ? new Promise(() => undefined) : undefined;
    };
    expect(await register(one, 'ada')).toBe(201);
    await eventually(() => ids.length === 1);
    await Promise.all([one.kill(), other.kill()]);
    const heir = await loaded[2]?.start();
    await eventually(async () => {
      await heir?.advance(30);
      return timesOf('ada') > 0;
    });
    expect(timesOf('ada')).toBe(1);
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
  });
});
