import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, expect } from '@jest/globals';
import { IN_PRODUCTION, PASSWORD, startAttacked, UNPROTECTED } from '../../support/attacked.js';
import { useProcesses } from '../../support/process.js';
import { testWith } from '../../support/programs.js';
import { listen, stop } from '../../support/raw-http.js';
import { useTempFolder } from '../../support/temp-folder.js';

const folder = useTempFolder();
const processes = useProcesses();

/** What people choose, and what the account could be thought to have. */
const WRONG = [
  ...['123456', '123456789', 'password', 'qwerty123', 'letmein', 'iloveyou', 'welcome1', 'dragon', 'monkey', 'football'],
  ...['ada', 'ada1815', 'Ada!2026', 'lovelace', 'admin', 'root', 'changeme', 'secret', 'lingomate', 'Lingomate1'],
  ...[PASSWORD.toUpperCase(), `${PASSWORD} `, PASSWORD.slice(0, -1), `${PASSWORD}1`, "' OR '1'='1", '%', '*', '"', '\\'],
];
/** An address, an account, and one that nobody has. */
const NAMES = ['ada', 'nobody'];
/** A guess that succeeds is known by its token: refusals are worded in several ways. */
const FORM = '/token:username=^USER^&password=^PASS^:S=access_token';

/** The log-in page of an app: hydra tries no form whose refusals are 401, so this hands them on as pages do, with 200. */
const createPage = (url: string): Server =>
  createServer((request, response) => {
    const guessing = async (): Promise<void> => {
      if (request.method !== 'POST') return;
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      const answer = await fetch(`${url}/token`, { method: 'POST', headers, body: await text(request) });
      response.write(await answer.text());
    };
    void guessing().finally(() => response.end());
  });

/** Has hydra try each password with each name, and gives what it reports. */
async function guess(url: string, passwords: readonly string[]): Promise<string> {
  const page = createPage(url);
  const port = String(await listen(page));
  try {
    writeFileSync(folder.file('names'), NAMES.join('\n'));
    writeFileSync(folder.file('passwords'), passwords.join('\n'));
    const args = ['-I', '-t', '8', '-L', 'names', '-P', 'passwords', '-s', port, '127.0.0.1', 'http-post-form', FORM];
    return (await processes.runProgram('hydra', { cwd: folder.path, args }).finished).stdout;
  } finally {
    await stop(page);
  }
}

describe('hydra, which guesses passwords,', () => {
  testWith(
    'hydra',
    'finds none on a list of wrong ones, and none of its guesses is a fault',
    async () => {
      const service = await startAttacked(processes, folder, IN_PRODUCTION);
      await service.newAccount('ada');
      expect(await guess(service.url, WRONG)).toContain('0 valid password found');
      const answers = await service.end();
      expect(answers.filter((status) => status === 401 || status === 429).length).toBeGreaterThanOrEqual(NAMES.length * WRONG.length);
    },
    120_000,
  );

  testWith(
    'hydra',
    'finds the right one where it is on the list and nothing limits guesses, so that it would find one',
    async () => {
      const service = await startAttacked(processes, folder, UNPROTECTED);
      await service.newAccount('ada');
      const report = await guess(service.url, [...WRONG.slice(0, 5), PASSWORD]);
      expect(report).toContain('1 valid password found');
      expect(report).toMatch(new RegExp(`login: ada +password: ${PASSWORD}\\n`));
      await service.end();
    },
    60_000,
  );
});
