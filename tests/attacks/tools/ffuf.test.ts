import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { describe, expect } from '@jest/globals';
import { entriesOf, member } from '../../support/answers.js';
import { IN_PRODUCTION, startAttacked } from '../../support/attacked.js';
import { readList, readObject } from '../../support/command-line.js';
import { useProcesses } from '../../support/process.js';
import { testWith } from '../../support/programs.js';
import { listen, stop } from '../../support/raw-http.js';
import { seen } from '../../support/seen.js';
import { useTempFolder } from '../../support/temp-folder.js';
import { PATHS } from '../../support/usual-paths.js';

const folder = useTempFolder();
const processes = useProcesses();

interface Found {
  readonly path: string;
  readonly status: number;
}

/** What lies where a careless service would serve it from: its working directory. */
function layBait(): void {
  mkdirSync(folder.file('.git'));
  mkdirSync(folder.file('backup'));
  for (const name of ['.env.bak', '.git/config', 'backup/users.sql', 'package.json', 'index.html'])
    writeFileSync(folder.file(name), 'bait');
}

/** Has ffuf ask for each path, and gives all that is answered with anything but 404. */
async function fuzz(url: string, paths: readonly string[], method = 'GET'): Promise<Found[]> {
  writeFileSync(folder.file('words'), paths.join('\n'));
  const args = [
    '-w',
    'words',
    '-u',
    `${url}/FUZZ`,
    '-X',
    method,
    '-mc',
    'all',
    '-fc',
    '404',
    '-t',
    '8',
    '-timeout',
    '10',
    '-maxtime',
    '60',
  ];
  await processes.runProgram('ffuf', { cwd: folder.path, args: [...args, '-s', '-of', 'json', '-o', 'found.json'] }).finished;
  const { results } = readObject(readFileSync(folder.file('found.json'), 'utf8'));
  const found = readList(JSON.stringify(results)).map(({ input, status }) => ({
    path: String(member(input, 'FUZZ')),
    status: Number(status),
  }));
  seen(`${paths.length} paths, ${found.length} found`);
  return found.sort((a, b) => a.path.localeCompare(b.path));
}

/** Documented with `/docs`, to which it leads. */
const DOCS_REDIRECT = { path: 'docs/', status: 308 };

describe('ffuf, which asks for what often lies about,', () => {
  for (const method of ['GET', 'POST']) {
    testWith(
      'ffuf',
      `finds by ${method} what is documented and nothing else: no file, no folder, no fault`,
      async () => {
        layBait();
        const service = await startAttacked(processes, folder, IN_PRODUCTION);
        const document = (await service.send('GET', '/openapi.json')).body;
        const documented = entriesOf(member(document, 'paths')).map(([path]) => path.slice(1));
        const plain = documented.filter((path) => path !== '' && !path.includes('{') && !path.startsWith('dev/'));
        const found = await fuzz(service.url, [...PATHS, ...plain], method);
        expect(found.map(({ path }) => path)).toEqual(expect.arrayContaining(plain));
        const isDocumented = new RegExp(`^(${documented.map((path) => path.replace(/\{\w+\}/g, '[^/]+')).join('|')})$`);
        // Below a path with a parameter another method may be there; what it stands for is not.
        const more = found.filter(({ path, status }) => !isDocumented.test(path) || (status < 400 && !plain.includes(path)));
        expect(more).toEqual(method === 'GET' ? [DOCS_REDIRECT] : []);
        const answers = await service.end();
        expect(answers.length).toBeGreaterThanOrEqual(PATHS.length + plain.length);
      },
      120_000,
    );
  }

  testWith(
    'ffuf',
    'finds the files of a server that gives them out, so that it would find ours',
    async () => {
      layBait();
      const server = createServer((request, response) => {
        try {
          response.end(readFileSync(folder.file(request.url ?? '')));
        } catch {
          response.writeHead(404).end();
        }
      });
      try {
        const found = await fuzz(`http://127.0.0.1:${await listen(server)}`, PATHS);
        expect(found.map(({ path }) => path)).toEqual(expect.arrayContaining(['.env.bak', '.git/config', 'index.html', 'package.json']));
      } finally {
        await stop(server);
      }
    },
    60_000,
  );
});
