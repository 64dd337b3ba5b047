import { beforeEach, describe, expect } from '@jest/globals';
import { commandLineIn } from '../support/command-line.js';
import { type Child, useProcesses } from '../support/process.js';
import { testWith } from '../support/programs.js';
import { useTempFolder } from '../support/temp-folder.js';

const folder = useTempFolder();
const processes = useProcesses();
const run = commandLineIn(folder, processes);
const PASSWORD = 'a password of my own';
const CTRL_D = '\x04';
const MS = 60_000;

const create = (name: string): Child =>
  processes.runAtTerminal('src/cli/index.ts', { cwd: folder.path, settings: { LOG_LEVEL: 'error' }, args: ['admin', 'create', name] });
const type = async (child: Child, prompt: string, text: string): Promise<void> => {
  await child.printed(prompt);
  child.write(text);
};
const administrators = async (): Promise<string[]> => (await run('export')).stdout.match(/"username":"[^"]+"/g) ?? [];

describe('admin create at a terminal', () => {
  beforeEach(async () => {
    await run('admin create ada --invite');
  });

  testWith(
    'script',
    'creates an administrator whose password is typed twice',
    async () => {
      const child = create('grace');
      await type(child, 'Password: ', `${PASSWORD}\r`);
      await type(child, 'Once more: ', `${PASSWORD}\r`);
      const { code, stdout } = await child.finished;
      expect([code, stdout]).toEqual([0, expect.stringContaining('Made grace an administrator')]);
      expect(stdout).not.toContain(PASSWORD);
    },
    MS,
  );

  testWith(
    'script',
    'reports that the two passwords differ, and creates no account',
    async () => {
      const child = create('grace');
      await type(child, 'Password: ', `${PASSWORD}\r`);
      await type(child, 'Once more: ', 'another password\r');
      const { code, stdout } = await child.finished;
      expect([code, stdout]).toEqual([1, expect.stringContaining('validation_failed: The two passwords differ. Run the command again')]);
      expect(await administrators()).toEqual(['"username":"ada"']);
    },
    MS,
  );

  testWith(
    'script',
    'says that no password was typed where the terminal ends its input',
    async () => {
      const child = create('grace');
      await type(child, 'Password: ', CTRL_D);
      const { code, stdout } = await child.finished;
      expect([code, stdout]).toEqual([1, expect.stringContaining('validation_failed: No password was typed')]);
    },
    MS,
  );

  const REFUSED = [
    ['taken', 'ADA', 'username_taken: '],
    ['too short', 'x', 'validation_failed: username needs 3 characters or more'],
  ] as const;
  for (const [fault, username, error] of REFUSED)
    testWith(
      'script',
      `refuses a username that is ${fault} before it asks for a password`,
      async () => {
        const { code, stdout } = await create(username).finished;
        expect([code, stdout]).toEqual([1, expect.stringContaining(error)]);
        expect(stdout).not.toContain('Password');
      },
      MS,
    );
});
