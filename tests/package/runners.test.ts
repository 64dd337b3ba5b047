import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  documentedSamples,
  failureOf,
  install,
  type InstalledPackage,
  installPackage,
  MINUTES,
  ROOT,
  run,
  writeProject,
} from '../support/installed-package.js';

/** Jest as README.md says to start it. */
const [, JEST_COMMAND = ''] = /`node (--experimental-vm-modules \S+)`/.exec(readFileSync(join(ROOT, 'README.md'), 'utf8')) ?? [];
const JEST = [...JEST_COMMAND.split(' '), '--config', '{"testEnvironment": "node", "transform": {}, "testMatch": ["**/*.test.*"]}'];

/** The sample of README.md, in a test. */
const [IMPORTS, BODY] = split(documentedSamples()['README-md-0.ts'] ?? '');
const inTest = (name: string, before = ''): string => `test('${name}', async () => {\n${before}\n${BODY}\n});\n`;

function split(sample: string): [imports: string, body: string] {
  const lines = sample.split('\n');
  const isImport = (line: string): boolean => line.startsWith('import ');
  return [lines.filter(isImport).join('\n'), lines.filter((line) => !isImport(line)).join('\n')];
}

/** What a test does with fake timers on, before the service is made and after. */
const fakes = (fake: string, real: string): string => `${inTest('under fake timers', fake)}
test('with timers that become fake later', async () => {
  ${real}
  const earlier = await createTestAuth();
  ${fake}
  const users = await earlier.createUsers(20);
  await Promise.all(users.map((user) => earlier.token(user)));
  await (await earlier.agent(users[0])).get('/users/me').expect(200);
  await earlier.close();
  ${real}
});
`;

let installed: InstalledPackage;
let folder: string;
beforeAll(async () => {
  installed = await installPackage();
  folder = writeProject(join(installed.project, 'tests'), {});
  await install(installed.project, 'supertest');
  await install(folder, 'jest@30', 'jest-environment-jsdom@30', 'vitest@4');
}, 5 * MINUTES);
afterAll(() => {
  installed.remove();
});

const write = (name: string, ...lines: string[]): void => {
  writeFileSync(join(folder, name), [IMPORTS, ...lines].join('\n'));
};

describe('node:test', () => {
  it(
    'runs the sample of the README, under fake timers too',
    async () => {
      const [fake, real] = ["mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date'] });", 'mock.timers.reset();'];
      write('node.mjs', "import { mock, test } from 'node:test';", inTest('kit'), fakes(fake, real));
      expect(await run(folder, process.execPath, '--test', 'node.mjs')).toMatch(/pass 3\n.*fail 0/s);
    },
    MINUTES,
  );
});

describe('Vitest', () => {
  it(
    'runs the sample of the README, under fake timers and in jsdom too',
    async () => {
      write('kit.spec.ts', "import { test, vi } from 'vitest';", inTest('kit'), fakes('vi.useFakeTimers();', 'vi.useRealTimers();'));
      write('dom.spec.ts', '// @vitest-environment jsdom', "import { test } from 'vitest';", inTest('kit'));
      expect(await run(folder, process.execPath, 'node_modules/vitest/vitest.mjs', 'run')).toMatch(/Tests .*4 passed/);
    },
    2 * MINUTES,
  );
});

describe('Jest', () => {
  it(
    'runs the sample of the README as that says, under fake timers too',
    async () => {
      write(
        'kit.test.mjs',
        "import { jest, test } from '@jest/globals';",
        inTest('kit'),
        fakes('jest.useFakeTimers();', 'jest.useRealTimers();'),
      );
      // Throws where a test fails; Jest reports on stderr.
      await run(folder, process.execPath, ...JEST, 'kit.test.mjs');
    },
    2 * MINUTES,
  );

  it(
    'says with CommonJS that it needs --experimental-vm-modules and import',
    async () => {
      writeFileSync(
        join(folder, 'plain.test.cjs'),
        "const { createTestAuth } = require('lingomate-auth/testing');\ntest('kit', createTestAuth);\n",
      );
      const said = await failureOf(folder, process.execPath, ...JEST.slice(1), 'plain.test.cjs');
      expect(said).toMatch(/lingomate-auth is an ES module, .*run: node --experimental-vm-modules .*use import in an ES module/);
    },
    MINUTES,
  );

  it(
    'says under jsdom that it needs @jest-environment node',
    async () => {
      writeFileSync(join(folder, 'dom.test.mjs'), `/** @jest-environment jsdom */\n${IMPORTS}\n${inTest('kit')}`);
      expect(await failureOf(folder, process.execPath, ...JEST, 'dom.test.mjs')).toContain('/** @jest-environment node */');
      writeFileSync(join(folder, 'dom.test.mjs'), `/** @jest-environment node */\n${IMPORTS}\n${inTest('kit')}`);
      await run(folder, process.execPath, ...JEST, '--env', 'jsdom', 'dom.test.mjs');
    },
    2 * MINUTES,
  );
});
