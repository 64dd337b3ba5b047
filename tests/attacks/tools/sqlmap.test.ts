import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { describe, expect } from '@jest/globals';
import { PASSWORD, startAttacked, UNPROTECTED } from '../../support/attacked.js';
import { change, query } from '../../support/fastapi.js';
import { useProcesses } from '../../support/process.js';
import { testWith } from '../../support/programs.js';
import { listen, stop } from '../../support/raw-http.js';
import { seen } from '../../support/seen.js';
import { useTempFolder } from '../../support/temp-folder.js';

const folder = useTempFolder();
const processes = useProcesses();

const MINUTE = 60_000;
const BOUNDS = ['--batch', '--ignore-stdin', '--disable-coloring', '--flush-session', '--threads=1', '--timeout=10', '--retries=1'];
const DEPTH = ['--level=1', '--risk=2', '--ignore-code=401'];
const CLEAN = 'all tested parameters do not appear to be injectable';

/** Has sqlmap try all that it has at this depth, and gives what it reports. */
async function inject(...target: string[]): Promise<string> {
  const args = [...target, ...BOUNDS, ...DEPTH, `--output-dir=${folder.file('sqlmap')}`];
  const { stdout } = await processes.runProgram('sqlmap', { cwd: folder.path, args }).finished;
  return stdout;
}

/** An endpoint as sqlmap is told of it: `*` stands where it injects, TOKEN for an administrator's access token. */
type Target = [endpoint: string, path: string, ...options: string[]];
const BEARER = '--headers=Authorization: Bearer TOKEN';
const JSON_BEARER = `${BEARER}\nContent-Type: application/json`;
const TARGETS: Target[] = [
  ['POST /token as a form', '/token', `--data=username=ada&password=${PASSWORD}`],
  ['POST /token as JSON', '/token', `--data={"username":"ada*","password":"${PASSWORD}*"}`, '--headers=Content-Type: application/json'],
  ['GET /admin/users', '/admin/users?q=ada&role=user&status=active&limit=20', BEARER, '-p', 'q,role,status,limit'],
  ['GET /admin/users/{id}', '/admin/users/1*', BEARER],
  ['GET /admin/audit-events', '/admin/audit-events?actor=1&user=1&type=user.registered', BEARER, '-p', 'actor,user,type'],
  ['PATCH /users/me', '/users/me', '--method=PATCH', '--data={"display_name":"Ada*"}', JSON_BEARER],
  ['POST /introspect', '/introspect', '--data=token=TOKEN&token_type_hint=access_token', BEARER, '-p', 'token,token_type_hint'],
  ['GET /verify-token/{token}', '/verify-token/TOKEN*'],
  ['POST /password/forgot', '/password/forgot', '--data={"identifier":"ada*"}', '--headers=Content-Type: application/json'],
];

describe('sqlmap, which injects SQL,', () => {
  for (const [endpoint, path, ...options] of TARGETS) {
    testWith(
      'sqlmap',
      `gets nothing in at ${endpoint}, changes no account and no table, and meets no fault`,
      async () => {
        const service = await startAttacked(processes, folder, UNPROTECTED);
        const token = await service.newAdministrator('ada');
        // A name of its own is what this one changes.
        const before = withoutName(await service.contents());
        const report = await inject(
          '-u',
          service.url + path.replace('TOKEN', token),
          ...options.map((option) => option.replaceAll('TOKEN', token)),
        );
        expect(report).toContain(CLEAN);
        expect(withoutName(await service.contents())).toEqual(before);
        expect((await service.end()).length).toBeGreaterThan(30);
      },
      4 * MINUTE,
    );
  }

  testWith(
    'sqlmap',
    'gets in where a server writes what it is sent into its SQL, so that it would find such a place',
    async () => {
      const file = folder.file('leaky.db');
      writeFileSync(file, '');
      await change(file, ['CREATE TABLE people (name TEXT)', "INSERT INTO people VALUES ('ada'), ('bob')"]);
      const server = createServer((request, response) => {
        const q = new URL(request.url ?? '/', 'http://localhost').searchParams.get('q') ?? '';
        query(file, `SELECT name FROM people WHERE name = '${q}'`).then(
          (rows) => response.end(JSON.stringify(rows)),
          () => response.writeHead(500).end(),
        );
      });
      try {
        const report = await inject('-u', `http://127.0.0.1:${await listen(server)}/people?q=ada`);
        expect(report).not.toContain(CLEAN);
        expect(report).toContain('sqlmap identified the following injection point');
        seen('sqlmap identified an injection point');
      } finally {
        await stop(server);
      }
    },
    4 * MINUTE,
  );
});

const withoutName = (rows: readonly Record<string, unknown>[]): Record<string, unknown>[] =>
  rows.map(({ display_name: _name, display_name_fold: _fold, updated_at: _time, ...rest }) => rest);
