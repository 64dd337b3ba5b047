import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { moduleUrl, useProcesses } from '../support/process.js';
import { useTempFolder } from '../support/temp-folder.js';

const folder = useTempFolder();
const processes = useProcesses();

/** Its standard output is a disk that is full. */
const ON_A_FULL_DISK = `
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from ${JSON.stringify(moduleUrl('src/observability/logger.ts'))};

const writeTo = (file) => {
  closeSync(1);
  if (openSync(file, 'a') !== 1) throw new TypeError('another file is the standard output');
};
writeTo('/dev/full');
const logger = createLogger({ level: 'info', readable: false });
for (let line = 0; line < 200; line += 1) logger.info({ line }, 'there is no room');
// Longer than lines are held back; nobody is told that they could not be written.
await sleep(500);
`;
const THAT_GETS_ROOM = `
writeTo('log');
logger.info('there is room again');
await new Promise((done) => logger.flush(done));`;

test('a full disk under the log ends nothing, and what could not be written is written when there is room', async () => {
  const { code, stderr } = await processes.runModule(ON_A_FULL_DISK + THAT_GETS_ROOM, { cwd: folder.path }).finished;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const lines = readFileSync(join(folder.path, 'log'), 'utf8').trim().split('\n');
  expect(lines).toHaveLength(201);
  expect(lines[0]).toContain('"line":0');
  expect(lines.at(-1)).toContain('there is room again');
});

test('a process ends also while its log can’t be written', async () => {
  const { code, stderr } = await processes.runModule(`${ON_A_FULL_DISK} process.exit(0);`, { cwd: folder.path }).finished;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});
