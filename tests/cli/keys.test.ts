import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { text } from '../support/answers.js';
import { commandLineIn, readList, readObject } from '../support/command-line.js';
import { useProcesses } from '../support/process.js';
import { createAppOn } from '../support/sqlite-app.js';
import { useTempFolder } from '../support/temp-folder.js';

const folder = useTempFolder();
const run = commandLineIn(folder, useProcesses());
const ROOT_KEY = randomBytes(48).toString('base64url');
const SETTINGS = { DATABASE_URL: 'sqlite:auth.db', ALGORITHM: 'ES256', ROOT_KEY };

test('keys rotate --signs-after publishes the new key that long before it signs, and no shorter than a minute', async () => {
  await (await createAppOn(folder.file('auth.db'), { ROOT_KEY, ALGORITHM: 'ES256' })).close();
  expect(await run('keys rotate', SETTINGS)).toMatchObject({ code: 0 });
  const made = readObject((await run('keys rotate --signs-after 15m --json', SETTINGS)).stdout);
  expect(Date.parse(text(made, 'signs_from')) - Date.parse(text(made, 'created_at'))).toBe(15 * 60_000);
  const before = readList((await run('keys list --json', SETTINGS)).stdout).length;
  for (const words of ['--signs-after 59s', '--signs-after 25h', '--signs-after 15', '--signs-after 15m --now']) {
    expect(await run(`keys rotate ${words}`, SETTINGS)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^usage: .*--signs-after/),
    });
  }
  expect(readList((await run('keys list --json', SETTINGS)).stdout)).toHaveLength(before);
});
