import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { readRequirements, type Requirement } from '../../scripts/asvs.js';

/** The requirements of ASVS 5.0.0 that apply to such a service, by their level. */
const IDS: Readonly<Record<Requirement['level'], readonly string[]>> = {
  1: [
    '1.2.1 1.2.2 1.2.3 1.2.4 1.3.2',
    '2.1.1 2.2.1 2.2.2 2.3.1',
    '3.2.1 3.3.1 3.4.1 3.4.2 3.5.1 3.5.2 3.5.3',
    '4.1.1',
    '6.1.1 6.2.1 6.2.2 6.2.3 6.2.4 6.2.5 6.2.8 6.3.1 6.3.2 6.4.1 6.4.2',
    '7.2.1 7.2.2 7.2.3 7.2.4 7.4.1 7.4.2',
    '8.1.1 8.2.1 8.2.2 8.3.1',
    '9.1.1 9.1.2 9.1.3 9.2.1',
    '10.4.4 10.4.5',
    '11.3.1 11.3.2 11.4.1',
    '13.4.1',
    '14.2.1 14.3.1',
    '15.3.1',
  ],
  2: [
    '1.1.1 1.1.2 1.2.9 1.3.3 1.3.7 1.3.11 1.4.2 1.5.2',
    '2.1.2 2.1.3 2.2.3 2.3.2 2.3.3 2.3.4 2.4.1',
    '3.3.2 3.3.3 3.3.4 3.4.3 3.4.4 3.4.5 3.4.6',
    '4.1.2 4.1.3 4.2.1',
    '6.1.2 6.1.3 6.2.9 6.2.10 6.2.11 6.2.12 6.3.3 6.3.4 6.4.3 6.4.4 6.5.1 6.5.2 6.5.3 6.5.4 6.5.5 6.6.2 6.6.3',
    '7.1.1 7.1.2 7.3.1 7.3.2 7.4.3 7.4.5 7.5.1 7.5.2',
    '8.1.2 8.2.3',
    '9.2.2 9.2.3 9.2.4',
    '10.1.1 10.3.1 10.3.2 10.3.3 10.3.4 10.4.8 10.4.9 10.4.10 10.4.11',
    '11.1.1 11.1.2 11.2.1 11.2.2 11.2.3 11.3.3 11.4.2 11.4.3 11.5.1 11.6.1',
    '13.1.1 13.2.1 13.2.2 13.2.3 13.2.4 13.2.5 13.3.1 13.3.2 13.4.2 13.4.3 13.4.4 13.4.5',
    '14.1.1 14.1.2 14.2.2 14.2.3 14.2.4 14.3.2',
    '15.2.2 15.3.3 15.3.4 15.3.5 15.3.6 15.3.7',
    '16.1.1 16.2.1 16.2.2 16.2.3 16.2.4 16.2.5 16.3.1 16.3.2 16.3.3 16.3.4 16.4.1 16.4.2 16.4.3 16.5.1 16.5.2 16.5.3',
  ],
  3: [
    '1.3.12 1.5.3',
    '3.3.5 3.5.6 3.5.8',
    '4.1.4 4.2.2',
    '6.3.5 6.3.6 6.3.7 6.3.8 6.4.6 6.5.6 6.5.8',
    '7.5.3',
    '8.3.2',
    '10.3.5 10.4.14 10.4.16',
    '11.2.4 11.2.5 11.3.4 11.5.2',
    '13.1.2 13.1.3 13.1.4 13.2.6 13.3.4 13.4.6',
    '14.2.6 14.2.7',
    '15.4.2',
    '16.5.4',
  ],
};
const idsOf = (level: Requirement['level']): string[] => IDS[level].flatMap((chapter) => chapter.split(' '));

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string): string => (existsSync(root + file) ? readFileSync(root + file, 'utf8') : '');

/** The titles of a file's tests and of their groups: the text that a call begins with, before a function. */
const titlesOf = (text: string): string[] =>
  Array.from(text.matchAll(/\(\s*(['"`])((?:\\.|(?!\1).)+)\1,\s*(?:async\s*)?(?:\([^)]*\)|\w+)\s*=>/g), ([, , title = '']) => title);

const headingsOf = (text: string): string[] => Array.from(text.matchAll(/^#+ (.+)$/gm), ([, heading = '']) => heading);

const isThere = ({ file, title }: { file: string; title: string }): boolean =>
  file.endsWith('.md') ? headingsOf(read(file)).includes(title) : titlesOf(read(file)).some((one) => one.includes(title));

const requirements = readRequirements();

describe('the table of ASVS 5.0.0 in docs/security.md', () => {
  test.each([
    [1, 51],
    [2, 114],
    [3, 33],
  ] as const)('has each requirement of level %i that applies, %i of them, once', (level, count) => {
    expect(idsOf(level)).toHaveLength(count);
    expect(
      requirements
        .filter((one) => one.level === level)
        .map(({ id }) => id)
        .sort(),
    ).toEqual(idsOf(level).sort());
  });

  test('names only tests and sections that there are', () => {
    const missing = requirements.flatMap(({ id, shown }) =>
      shown.filter((one) => !isThere(one)).map(({ file, title }) => `${id}: ${file}: ${title}`),
    );
    expect(missing).toEqual([]);
  });

  test('names a test for what is said to be tested, and a section for what is said to be written', () => {
    const shownBy = (one: Requirement, ending: string): boolean => one.shown.some(({ file }) => file.endsWith(ending));
    const unshown = requirements.filter(
      (one) => (one.status === 'test' && !shownBy(one, '.test.ts')) || (one.status === 'document' && !shownBy(one, '.md')),
    );
    expect(unshown.map(({ id }) => id)).toEqual([]);
  });

  test('says why, where one is not met or does not apply', () => {
    const silent = requirements.filter(({ status, note }) => status.startsWith('not_') && (note ?? '').length < 20);
    expect(silent.map(({ id }) => id)).toEqual([]);
  });

  test('says in a few words of our own what each asks for', () => {
    expect(requirements.filter(({ what }) => what.split(' ').length > 12).map(({ id }) => id)).toEqual([]);
  });

  test('finds a title in each way that a test has one, and no other text', () => {
    const text =
      "test('one', () => {});\ntest.each([\n  ['case', 1],\n])(\n  'two %s',\n  async (_what, by) => {},\n);\ndescribe(`three`, () => {});\nsay('four');";
    expect(titlesOf(text)).toEqual(['one', 'two %s', 'three']);
  });
});
