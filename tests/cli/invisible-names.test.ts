import { describe, expect, it } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { commandLineIn } from '../support/command-line.js';
import { useProcesses } from '../support/process.js';
import { useTempFolder } from '../support/temp-folder.js';

const folder = useTempFolder();
const run = commandLineIn(folder, useProcesses());

describe('the command line', () => {
  it.each(['ad\uFE0Fmin', '\u3164\u3164\u3164', '\u0301\u0301\u0301'])('makes no administrator of the name %j', async (name) => {
    const refused = await run(`admin create ${name} --invite`);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('no invisible characters');
  });

  it('imports no invisible username, and no invisible display name', async () => {
    const records = [{ username: 'admin\u034f' }, { username: 'ada', display_name: '\u3164' }];
    writeFileSync(folder.file('users.jsonl'), records.map((record) => `${JSON.stringify(record)}\n`).join(''));
    const imported = await run('import users.jsonl');
    expect(imported.code).toBe(1);
    expect(imported.stdout).toContain('line 1 failed');
    expect(imported.stdout).toContain('display_name is left out');
    expect(imported.stdout).toContain('1 created, 1 failed');
  });
});
