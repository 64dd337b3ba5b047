import { describe, expect, it } from '@jest/globals';
import { AppError } from '../../../src/errors/app-error.js';
import { type ReadingOptions, readUsers } from '../../../src/services/transfer/sources/index.js';

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.from(text));
}
async function detailOf(text: string, container?: ReadingOptions['container']): Promise<string> {
  const read = async (): Promise<string> => {
    const lines: number[] = [];
    for await (const { line } of readUsers(bytesOf(text), { now: () => 0, container })) lines.push(line);
    return `${lines.length} records`;
  };
  return read().catch((error: unknown) => (error instanceof AppError ? String(error.details.detail) : 'another error'));
}
const RECORD = '{"username":"ada"}\n';

describe('a text that begins with lines of another program', () => {
  it.each([
    ['npm run', `\n> lingomate-auth@0.1.0 cli\n> node scripts/build-if-stale.mjs && node dist/src/cli/index.js export\n\n${RECORD}`],
    ['npm run before a table', '\r\n> lingomate-auth@0.1.0 cli\r\n> node x\r\n\r\nusername\r\nada\r\n'],
    ['npm run of a scoped package', `> @example/lingomate-auth@1.0.0-rc.1 cli /srv/app\n${RECORD}`],
  ])('is refused as a whole and names the first line of %s', async (_what, text) => {
    for (const container of [undefined, 'lines'] as const)
      expect(await detailOf(text, container)).toMatch(/^The first line is npm’s: "> .*lingomate-auth@.*"\. .*npm run --silent$/);
  });

  it.each(['yarn run v1.22.19', 'Debugger attached.', '$2b$12$somebodys-hash'])(
    'is refused and not quoted where it is %j',
    async (line) => {
      const detail = await detailOf(`${line}\n${RECORD}`);
      expect(detail).toMatch(/^The first line is neither JSON nor the header of a table.*npm run --silent$/);
      expect(detail).not.toContain(line.slice(0, 6));
    },
  );

  it.each([
    ['one line', RECORD, 1],
    ['a table with JSON in a cell', 'username,display_name\nada,"{""a"":1}"\nbob,"\n{""b"":2}"\n', 2],
    ['blank lines', `\n\n${RECORD}`, 1],
  ])('is read where it only has %s', async (_what, text, records) => {
    expect(await detailOf(text)).toBe(`${records} records`);
  });
});
