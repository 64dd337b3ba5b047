import { afterAll, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { createHasher } from '../../../src/adapters/hasher.js';
import type { FieldFault } from '../../../src/errors/app-error.js';
import { isEmailAddress } from '../../../src/lib/email-address.js';
import { createPasswordService } from '../../../src/services/password/password.service.js';
import type { ImportedUser, SourceRecord } from '../../../src/services/transfer/imported-user.js';
import { type ReadingOptions, readUsers } from '../../../src/services/transfer/sources/index.js';
import { emailAddress } from '../../../src/validators/fields.js';

const NOW = Date.parse('2026-11-25T12:00:00Z');
const PASSWORD = 'correct horse battery staple';
/** The parameters and the password of the example at https://github.com/firebase/scrypt. */
const FIREBASE = {
  signerKey: 'jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==',
  saltSeparator: 'Bw==',
  rounds: 8,
  memCost: 14,
};
const FIREBASE_PASSWORD = 'user1password';

const fixture = (name: string): Buffer => readFileSync(new URL(`../../fixtures/imports/${name}`, import.meta.url));

/** What is sent in pieces of so many bytes. */
async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += size) yield await Promise.resolve(bytes.subarray(from, from + size));
}

async function read(bytes: Buffer | string, options: Partial<ReadingOptions> = {}, size = 7): Promise<SourceRecord[]> {
  const records: SourceRecord[] = [];
  for await (const record of readUsers(inPieces(Buffer.from(bytes), size), { now: () => NOW, ...options })) records.push(record);
  return records;
}

/** A record without its hash, which is looked at by itself; faults without their words. */
function outlineOf(record: SourceRecord): unknown {
  if ('skipped' in record) return [record.line, 'skipped'];
  if ('faults' in record) return [record.line, record.faults.map(({ path, code }: FieldFault) => `${path}: ${code}`)];
  const { passwordHash, unreadableHash, ...user } = record.user;
  if (unreadableHash !== undefined) return [record.line, ['password_hash: format']];
  const given = Object.fromEntries(Object.entries(user).filter(([, value]) => value !== undefined && value !== false));
  return [record.line, { ...given, hash: passwordHash?.replace(/^(\$?[\w-]+\$).*/s, '$1') }, ...(record.notes ?? [])];
}

const hasher = createHasher({ threads: 1, queueLimit: 100 });
const passwords = createPasswordService({ hasher, rounds: 4 });
afterAll(() => hasher.close());

/** For whose hash that is the password. */
async function whoLogsIn(records: readonly SourceRecord[], password: string): Promise<number[]> {
  const lines: number[] = [];
  for (const record of records) {
    const user: ImportedUser = 'user' in record ? record.user : {};
    const { valid } = await passwords.verify(password, { hash: user.passwordHash ?? null, imported: false });
    if (valid) lines.push(record.line);
  }
  return lines;
}

const ADA = { email: 'ada@example.com', displayName: 'Ada Lovelace' };
const KEYCLOAK_TIME = new Date(1717243200000);
const BETTER_AUTH_TIME = new Date('2025-03-04T05:06:07Z');
const DJANGO_TIME = new Date('2023-04-05T06:07:08.901Z');
const NO_RIGHTS = (right: string): string => `${right} is not taken over: give them a role here`;

const EXPORTS: [string, Partial<ReadingOptions>, readonly unknown[], string, readonly number[]][] = [
  [
    'users.jsonl',
    {},
    [
      [
        1,
        {
          username: 'ada',
          email: 'Ada@example.com',
          emailVerified: true,
          displayName: 'Ada Lovelace',
          roles: ['admin', 'user'],
          createdAt: new Date('2020-02-03T04:05:06.789Z'),
          hash: '$2b$',
        },
      ],
      [2, { username: 'bob', disabled: true, hash: '$2y$' }],
      [3, { email: 'carol@example.com', emailVerified: new Date('2021-01-01T00:00:00Z') }],
      [4, { username: 'dora', hash: '$scrypt$' }],
      [5, { username: 'emil', hash: '$scrypt$' }],
    ],
    PASSWORD,
    [1, 2, 4, 5],
  ],
  [
    'users.csv',
    {},
    [
      [
        2,
        {
          username: 'ada',
          email: 'ada@example.com',
          emailVerified: true,
          displayName: 'Lovelace, "Ada"',
          roles: ['user', 'admin'],
          createdAt: new Date('2020-02-03T04:05:06.789Z'),
          hash: '$2b$',
        },
      ],
      [3, { username: 'zoë', displayName: 'Zoë', disabled: true, hash: '$argon2id$' }],
      [5, [': format']],
      [6, { username: 'x y' }],
      [7, { username: 'lena', email: 'lena@example.com' }],
    ],
    PASSWORD,
    [2, 3],
  ],
  ...(['supabase.json', 'supabase.csv'] as const).map((name): (typeof EXPORTS)[number] => {
    const from = name.endsWith('csv') ? 2 : 1;
    const createdAt = new Date('2024-05-06T07:08:09.123Z');
    return [
      name,
      {},
      [
        [from, { ...ADA, emailVerified: new Date('2024-05-06T07:09:00Z'), createdAt, hash: '$2a$' }],
        [from + 1, { email: 'bob@example.com', disabled: true, createdAt, hash: '$2a$' }],
        [from + 2, { email: 'carol@example.com', emailVerified: new Date('2024-05-06T07:09:00Z'), createdAt }],
        [from + 3, 'skipped'],
        [from + 4, 'skipped'],
        [from + 5, { createdAt, hash: '$2a$' }],
      ],
      PASSWORD,
      [from, from + 1, from + 5],
    ];
  }),
  [
    'keycloak-realm.json',
    {},
    [
      [1, { username: 'ada', ...ADA, emailVerified: true, createdAt: KEYCLOAK_TIME, hash: '$argon2id$' }],
      [2, { username: 'bob', disabled: true, createdAt: KEYCLOAK_TIME, hash: '$pbkdf2-sha256$' }],
      [3, { username: 'carol', createdAt: KEYCLOAK_TIME, hash: '$pbkdf2-sha512$' }],
      [4, { username: 'dora', createdAt: KEYCLOAK_TIME, hash: '$pbkdf2$' }],
      [5, { username: 'emil', createdAt: KEYCLOAK_TIME, hash: '$pbkdf2-sha256$' }],
      [6, { username: 'fred', createdAt: KEYCLOAK_TIME }, 'its password stands there in clear text, and is not taken over'],
      [7, ['password_hash: format']],
      [8, { username: 'hugo', createdAt: KEYCLOAK_TIME, hash: '$2a$' }],
      [9, 'skipped'],
    ],
    PASSWORD,
    [1, 2, 3, 4, 5, 8],
  ],
  [
    'better-auth.json',
    {},
    [
      [1, { ...ADA, emailVerified: true, createdAt: BETTER_AUTH_TIME, hash: '$scrypt-nfkc$' }],
      [
        2,
        {
          username: 'Bob',
          email: 'bob@example.com',
          displayName: 'Bob',
          disabled: true,
          createdAt: BETTER_AUTH_TIME,
          hash: '$scrypt-nfkc$',
        },
        NO_RIGHTS('the role'),
      ],
      [3, { email: 'carol@example.com', emailVerified: true, displayName: 'Carol', createdAt: BETTER_AUTH_TIME }],
      [4, ['password_hash: format']],
    ],
    PASSWORD,
    [1, 2],
  ],
  [
    'better-auth.jsonl',
    {},
    [
      [1, { ...ADA, emailVerified: true, createdAt: new Date(1741064767000), hash: '$scrypt-nfkc$' }],
      [2, { email: 'carol@example.com', displayName: 'Carol', createdAt: new Date(1741064767000) }],
    ],
    PASSWORD,
    [1],
  ],
  [
    'firebase.json',
    { firebase: FIREBASE },
    [
      [1, { ...ADA, emailVerified: true, createdAt: new Date(1714979289000), hash: '$fbscrypt$' }],
      [2, { email: 'bob@example.com', disabled: true, createdAt: new Date(1714979289000) }],
      [3, { createdAt: new Date(1714979289000) }],
    ],
    FIREBASE_PASSWORD,
    [1],
  ],
  [
    'django.json',
    {},
    [
      [1, 'skipped'],
      [2, { username: 'ada', ...ADA, createdAt: DJANGO_TIME, hash: 'pbkdf2_sha256$' }, NO_RIGHTS('is_superuser')],
      [3, { username: 'bob', disabled: true, createdAt: DJANGO_TIME }],
      [4, { username: 'carol', createdAt: DJANGO_TIME, hash: 'argon2$' }],
      [5, { username: 'dora', createdAt: DJANGO_TIME, hash: 'md5$' }],
    ],
    PASSWORD,
    [2, 4],
  ],
  ['django.csv', {}, [[2, { username: 'ada', ...ADA, createdAt: DJANGO_TIME, hash: 'pbkdf2_sha256$' }]], PASSWORD, [2]],
];

describe.each(EXPORTS)('%s', (name, options, expected, password, known) => {
  test('is told by its beginning, in whatever pieces it comes, and its passwords log in', async () => {
    const records = await read(fixture(name), options);
    expect(records.map(outlineOf)).toEqual(expected);
    expect(await whoLogsIn(records, password)).toEqual(known);
    expect((await read(fixture(name), options, 1_000_000)).map(outlineOf)).toEqual(expected);
  });
});

test('a Firebase export with passwords is refused as a whole without what they are checked by', async () => {
  await expect(read(fixture('firebase.json'))).rejects.toMatchObject({
    code: 'validation_failed',
    message: expect.stringContaining('--firebase-signer-key'),
  });
});

describe('JSON lines', () => {
  const lines = (text: string, options: Partial<ReadingOptions> = {}) =>
    read(text, options, 1_000_000).then((records) => records.map(outlineOf));

  test('a line that can’t be read is told in its place, and the others go on', async () => {
    const long = JSON.stringify({ username: 'x'.repeat(1024 * 1024) });
    const bad = [
      '{"username":"ada"',
      '[]',
      'null',
      '"text"',
      '{"username":"a","username":"b"}',
      '{"user_name":"ada"}',
      '{"username":5}',
      long,
    ];
    const text = ['{"username":"first"}', ...bad, '', '   ', '{"username":"last"}'].join('\r\n');
    expect(await lines(text)).toEqual([
      [1, { username: 'first' }],
      ...bad.map((_, at) => [
        at + 2,
        [at === 5 ? 'user_name: unknown' : at === 6 ? 'username: type' : at === 7 ? ': too_long' : ': format'],
      ]),
      [12, { username: 'last' }],
    ]);
    expect(
      await read(Buffer.concat([Buffer.from('{"username":"'), Buffer.from([0xff]), Buffer.from('"}\n{"username":"last"}')])),
    ).toMatchObject([
      { line: 1, faults: [{ message: 'the line is not in UTF-8' }] },
      { line: 2, user: { username: 'last' } },
    ]);
  });

  test('a broken first line is one line, and no document', async () => {
    expect(await lines('{"username":"a\n{"username":"ada"}\n')).toEqual([
      [1, [': format']],
      [2, { username: 'ada' }],
    ]);
    expect(await lines('{"username":"a\n{"username":"ada"}\n', { container: 'lines' })).toHaveLength(2);
  });

  test('times are in UTC where they name no zone', async () => {
    const times = [
      '2020-02-03 04:05:06.789123+02',
      '2020-02-03',
      '2020-02-03T04:05',
      1580702706789,
      1580702706,
      '1580702706789',
      '03.02.2020',
      '2020-99-99',
      true,
    ];
    expect(await lines(times.map((created_at) => JSON.stringify({ created_at })).join('\n'))).toEqual([
      [1, { createdAt: new Date('2020-02-03T02:05:06.789Z') }],
      [2, { createdAt: new Date('2020-02-03T00:00:00Z') }],
      [3, { createdAt: new Date('2020-02-03T04:05:00Z') }],
      [4, { createdAt: new Date(1580702706789) }],
      [5, { createdAt: new Date(1580702706000) }],
      [6, { createdAt: new Date(1580702706789) }],
      ...[7, 8, 9].map((line) => [line, ['created_at: type']]),
    ]);
  });

  test.each([
    ['of another algorithm', { algorithm: 'pbkdf2', salt: '00', hash: '00' }],
    ['with an N that is no power of two', { algorithm: 'scrypt', N: 1000, salt: '00', hash: '00' }],
    ['with a salt that is not in its encoding', { algorithm: 'scrypt', salt: 'xyz', hash: '00' }],
    ['in an encoding that is not known', { algorithm: 'scrypt', salt: '00', hash: '00', encoding: 'latin1' }],
    ['without a salt', { algorithm: 'scrypt', hash: '00' }],
    ['that is a list', []],
  ])('a hash object %s is refused', async (_what, password_hash) => {
    expect(await lines(JSON.stringify({ username: 'ada', password_hash }))).toEqual([[1, ['password_hash: format']]]);
  });
});

describe('tables', () => {
  test.each([
    ['a column that is not known', 'username,mail\nada,x\n', 'validation_failed'],
    ['a column twice', 'username,username\nada,x\n', 'malformed_request'],
    ['a column of a prototype', 'username,__proto__\nada,x\n', 'validation_failed'],
  ])('a header with %s is refused as a whole', async (_what, text, code) => {
    await expect(read(text)).rejects.toMatchObject({ code });
  });

  test('a quote that is not closed is told with what it swallowed; one that is misplaced costs its line alone', async () => {
    expect((await read('username,display_name\nada,"Ada" L\nbob,B"ob\ncarl,"Carl\nn"\ndora,"Dora\nemil,Emil\n')).map(outlineOf)).toEqual([
      [2, { username: 'ada', displayName: '"Ada" L' }],
      [3, { username: 'bob', displayName: 'B"ob' }],
      [4, { username: 'carl', displayName: 'Carl\nn' }],
      [6, [': format']],
    ]);
    expect((await read(Buffer.from('username,display_name\nada,Jos\xe9\n', 'latin1'))).map(outlineOf)).toEqual([[2, [': format']]]);
    expect(await read('')).toEqual([]);
  });
});

describe('documents', () => {
  test.each([
    ['no JSON', '[{"username":', {}, 'malformed_request'],
    ['no UTF-8', Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d]), {}, 'malformed_request'],
    ['of another form than was said', '[]', { from: 'keycloak' }, 'malformed_request'],
    ['of no known form', '{\n"people": []\n}', {}, 'malformed_request'],
  ] as const)('one that is %s is refused, and not quoted', async (_what, bytes, options, code) => {
    const refused = read(Buffer.from(bytes), options);
    await expect(refused).rejects.toMatchObject({ code });
    await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining('username') });
  });

  test('a list of users is read as lines are, and one on a single line is told from lines', async () => {
    expect((await read('[{"username":"ada"},5]')).map(outlineOf)).toEqual([
      [1, { username: 'ada' }],
      [2, [': format']],
    ]);
    // As PostgreSQL's json_agg writes it.
    const joined = '{"user" : [{"id":1,"email":"a@example.com"}, \n {"id":2,"email":"b@example.com"}], "account" : []}';
    expect(await read(joined)).toHaveLength(2);
    expect(await read('{"users": [\n{"localId":"a"}\n]}')).toHaveLength(1);
    const realm = JSON.stringify(JSON.parse(fixture('keycloak-realm.json').toString()));
    expect(await read(realm)).toHaveLength(9);
    expect(await read(`${realm.slice(0, -1)},"padding":"${'x'.repeat(300_000)}"}`)).toHaveLength(9);
  });
});

test.each([
  'ada@example.com',
  "o'hara+tag@mail.example.co.uk",
  'zoë@exämple.de',
  '用户@例子.公司',
  'ada',
  '@example.com',
  'ada@',
  'ada@localhost',
  'a b@example.com',
  'ada@example..com',
  'ada@-example.com',
  'ada.@example.com',
  'a..b@example.com',
  'ada@example.com\nBcc: x@example.com',
  'ada@example.com,bob@example.com',
  'Ada <ada@example.com>',
  '"ada"@example.com',
  'ada@example.com\0',
  `${'a'.repeat(64)}@example.com`,
  `${'a'.repeat(65)}@example.com`,
  `ada@${'a'.repeat(63)}.com`,
  `ada@${'a'.repeat(64)}.com`,
  `ada@${'a.'.repeat(125)}com`,
])('whether %j is an e-mail address is told as at registration', (address) => {
  expect(isEmailAddress(address)).toBe(emailAddress.validate(address).error === undefined);
});
