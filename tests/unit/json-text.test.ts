import { describe, expect, test } from '@jest/globals';
import { parseStrictJson } from '../../src/lib/json-text.js';
import { type Random, seededRandom } from '../support/random.js';

const nested = (depth: number, open = '[', close = ']'): string => open.repeat(depth) + close.repeat(depth);

/** What a reader makes of a text: its value, or that it is none. */
function outcome(read: (text: string) => unknown, text: string): { value: unknown } | 'refused' {
  try {
    return { value: read(text) };
  } catch (error) {
    // By name, as the parser's errors come from another realm here.
    if (String(error).startsWith('SyntaxError')) return 'refused';
    throw error;
  }
}
const plain = (text: string): unknown => JSON.parse(text);

describe('members sent twice', () => {
  test.each([
    ['in the same spelling', '{"a":1,"a":1}'],
    ['with others between', '{"a":1,"b":{"c":[]},"d":"a","a":2}'],
    ['one of them escaped', '{"a":1,"\\u0061":2}'],
    ['both escaped', '{"\\u0061":1,"\\u0061":2}'],
    ['as a surrogate pair and as itself', '{"😀":1,"\\ud83d\\ude00":2}'],
    ['with a short and a long escape', '{"\\n":1,"\\u000a":2}'],
    ['with an escaped slash', '{"a/b":1,"a\\/b":2}'],
    ['in an inner object', '{"o":{"a":1,"a":2}}'],
    ['in an object in an array', '[1,{"a":1},{"a":1,"a":2}]'],
    ['after an inner object that has it too', '{"a":{"a":1},"a":2}'],
    ['with white space around the colon', '{"a"\n:\t1 ,"a" : 2}'],
    ['named __proto__', '{"__proto__":1,"__proto__":2}'],
    ['named constructor', '{"constructor":1,"constructor":2}'],
    ['named by the empty string', '{"":1,"":2}'],
    ['with names that hold braces and quotes', '{"{\\"":1,"{\\"":2}'],
  ])('%s are refused', (_, text) => {
    expect(() => parseStrictJson(text)).toThrow(SyntaxError);
    expect(outcome(plain, text)).not.toBe('refused');
  });

  test.each([
    ['names that differ in case', '{"a":1,"A":2}'],
    ['names that differ in composition', '{"é":1,"e\u0301":2}'],
    ['one name in two objects', '[{"a":1},{"a":2}]'],
    ['one name in an object and in the one around it', '{"a":{"a":{"a":1}},"b":1}'],
    ['a value that is a name', '{"a":"a","b":"a"}'],
    ['a string in an array that is a name', '{"a":["a","a"]}'],
    ['strings that hold JSON', '{"a":"{\\"a\\":1,\\"a\\":2}","b":"\\":"}'],
    ['a string that ends in a backslash', '{"a":"\\\\","b":"\\\\"}'],
    ['a line separator in a string', '{"a":"\u2028","b":1}'],
    ['__proto__ once', '{"__proto__":{"admin":true}}'],
  ])('%s are none', (_, text) => {
    expect(parseStrictJson(text)).toEqual(plain(text));
  });

  test('the prototype of everything stays as it was', () => {
    parseStrictJson('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}');
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });
});

describe('nesting', () => {
  test.each([
    ['32 arrays', nested(32)],
    ['32 objects', `${'{"a":'.repeat(31)}{}${'}'.repeat(31)}`],
    ['10,000 arrays beside each other', `[${Array.from({ length: 10_000 }, () => '[]').join(',')}]`],
    ['brackets in a string', JSON.stringify(nested(100))],
  ])('%s are taken', (_, text) => {
    expect(parseStrictJson(text)).toEqual(plain(text));
  });

  test.each([
    ['33 arrays', nested(33)],
    ['33 objects', `${'{"a":'.repeat(32)}{}${'}'.repeat(32)}`],
    ['45,000 arrays', nested(45_000)],
    ['12,000 objects', `${'{"a":'.repeat(12_000)}1${'}'.repeat(12_000)}`],
    ['45,000 arrays that are never closed', '['.repeat(45_000)],
  ])('%s are refused', (_, text) => {
    expect(outcome(parseStrictJson, text)).toBe('refused');
  });
});

describe('what is no JSON', () => {
  test.each([
    '',
    ' ',
    '{',
    '{"a":1,}',
    "{'a':1}",
    '{a:1}',
    'undefined',
    'NaN',
    '01',
    '"\t"',
    '"\\x41"',
    '{"a":1}{"a":1}',
    '\ufeff{}',
    '[1,]',
  ])('%j is refused', (text) => {
    expect(outcome(parseStrictJson, text)).toBe('refused');
  });
});

describe('big documents', () => {
  test.each([
    ['a string of 100,000 escapes', JSON.stringify('"\n'.repeat(50_000))],
    ['a string of 100,000 plain characters', JSON.stringify('x'.repeat(100_000))],
    ['10,000 members', JSON.stringify(Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`member-${index}`, index])))],
    ['30,000 numbers', JSON.stringify(Array.from({ length: 30_000 }, (_, index) => index))],
  ])('%s are read as they are', (_, text) => {
    expect(parseStrictJson(text)).toEqual(plain(text));
  });

  test('a member sent twice is found among 10,000', () => {
    const members = Array.from({ length: 10_000 }, (_, index) => `"member-${index}":${index}`);
    expect(() => parseStrictJson(`{${[...members, '"member-0":0'].join(',')}}`)).toThrow(SyntaxError);
  });
});

const NAMES: readonly [string, ...string[]] = ['a', 'b', 'é', '"', '\\', ':', '{', '\n', '😀', '', '__proto__', 'a b', '\u2028'];

/** JSON text of a random value; `twice` is called wherever an object names a member again. */
function randomJson(random: Random, depth: number, twice: (name: string) => void): string {
  const space = (): string => random.pick(['', '', ' ', '\n\t']);
  const text = (value: string): string =>
    random.below(3) === 0
      ? `"${Array.from(value, (letter) => [...Array(letter.length).keys()].map((at) => `\\u${letter.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')).join('')}"`
      : JSON.stringify(value);
  const items = (): number => (depth === 0 ? 0 : random.below(4));
  switch (random.below(depth === 0 ? 3 : 5)) {
    case 0:
      return random.pick(['null', 'true', 'false', '0', '-1.5e3']);
    case 1:
    case 2:
      return text(random.pick(NAMES));
    case 3:
      return `[${Array.from({ length: items() }, () => space() + randomJson(random, depth - 1, twice) + space()).join(',')}]`;
    default: {
      const seen = new Set<string>();
      const members = Array.from({ length: items() }, () => {
        const name = random.pick(NAMES);
        if (seen.has(name)) twice(name);
        seen.add(name);
        return `${space()}${text(name)}${space()}:${space()}${randomJson(random, depth - 1, twice)}${space()}`;
      });
      return `{${members.join(',')}}`;
    }
  }
}

describe('against JSON.parse', () => {
  test('20,000 random documents are read alike, but for those with a member sent twice', () => {
    const random = seededRandom(1);
    const wrong: string[] = [];
    let refused = 0;
    for (let round = 0; round < 20_000; round += 1) {
      const twice: string[] = [];
      const text = randomJson(random, 5, (name) => twice.push(name));
      const expected = twice.length > 0 ? 'refused' : outcome(plain, text);
      if (twice.length > 0) refused += 1;
      if (JSON.stringify(outcome(parseStrictJson, text)) !== JSON.stringify(expected)) wrong.push(text);
    }
    expect(wrong).toEqual([]);
    expect(refused).toBeGreaterThan(500);
  });

  test('20,000 damaged documents are refused, or read alike', () => {
    const random = seededRandom(2);
    const wrong: string[] = [];
    for (let round = 0; round < 20_000; round += 1) {
      const whole = randomJson(random, 4, () => undefined);
      const at = random.below(whole.length + 1);
      const text =
        whole.slice(0, at) + random.pick(['', '"', '\\', '{', '}', '[', ']', ':', ',', ' ', '0']) + whole.slice(at + random.below(2));
      const strict = outcome(parseStrictJson, text);
      if (strict !== 'refused' && JSON.stringify(strict) !== JSON.stringify(outcome(plain, text))) wrong.push(text);
    }
    expect(wrong).toEqual([]);
  });
});
