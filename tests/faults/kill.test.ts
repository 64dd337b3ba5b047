import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createTestAuth } from '../../src/testing.js';
import { query } from '../support/fastapi.js';
import { type MailServer, startMailServer } from '../support/mail-server.js';
import { seen } from '../support/seen.js';
import { eventually, type LoadedService, loadService, type ServiceProcess, sharedSettings } from '../support/service-process.js';
import { openTarget, type TestTarget } from '../support/test-database.js';
import { createCrew, type Crew, killAmidWrites, WRITERS_SETTINGS } from '../support/writers.js';

const KILLS = 100;
/** The record is read as a whole each time that so many more kills were survived. */
const RECORD_EVERY = 20;

describe('kill -9 of a service on a SQLite file, during registrations, log-ins, refreshes, log-outs, changes of passwords and roles', () => {
  let mail: MailServer;
  let target: TestTarget;
  let settings: Readonly<Record<string, string>>;
  let next: LoadedService;
  let service: ServiceProcess;
  let crew: Crew;
  /** Opened only now and then: as long as another has the file open, a kill leaves the next start less to mend. */
  const checkRecord = async (): Promise<void> => {
    const auth = await createTestAuth(settings);
    await crew.checkRecord(auth).finally(() => auth.close());
  };

  beforeAll(async () => {
    mail = await startMailServer();
    target = await openTarget('a SQLite file');
    settings = sharedSettings(target.url, WRITERS_SETTINGS);
    const withMail = { ...settings, SMTP_URL: mail.url, MAIL_FROM: 'Auth <no-reply@example.com>' };
    service = await loadService(withMail).start();
    const auth = await createTestAuth(settings);
    crew = await createCrew(auth, service);
    await auth.close();
    settings = withMail;
  });
  afterAll(async () => {
    await Promise.all([service.kill(), next.kill()]);
    await mail.stop();
    await target.drop();
  });

  test(`${KILLS} times: all that was acknowledged holds, and what was not is there wholly or not at all`, async () => {
    next = loadService(settings);
    for (let kill = 1; kill <= KILLS; kill += 1) {
      await killAmidWrites(crew, service, () => service.kill());
      service = await next.start();
      // It loads while the crew looks and writes.
      next = loadService(settings);
      await crew.check(service);
      if (kill % RECORD_EVERY === 0) await checkRecord();
    }
    expect(crew.acknowledged()).toBeGreaterThan(KILLS);
    seen(`${KILLS} kills, ${crew.acknowledged()} writes acknowledged, none lost`);
    if (target.target.dialect === 'sqlite')
      expect(await query(target.target.file, 'PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
  }, 600_000);

  test('each mail that they caused arrives: the same one, should it come again as its sender was killed before it had noted the answer', async () => {
    const idsTo = (username: string): unknown[] =>
      mail.mails.filter(({ to }) => to[0] === `${username}@example.com`).map(({ headers }) => headers['message-id']);
    await eventually(async () => {
      await service.advance(30);
      return crew.registered.every((username) => idsTo(username).length > 0);
    });
    expect(crew.registered.map((username) => new Set(idsTo(username)).size)).toEqual(crew.registered.map(() => 1));
    const again = crew.registered.filter((username) => idsTo(username).length > 1).length;
    expect(again).toBeLessThanOrEqual(KILLS);
    seen(`${crew.registered.length} mails, ${again} of them twice`);
  }, 60_000);
});
