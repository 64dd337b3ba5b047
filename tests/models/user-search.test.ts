import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { QueryTypes } from 'sequelize';
import { createDatabase, type Database } from '../../src/adapters/database.js';
import { migrate } from '../../src/adapters/migrator.js';
import { loginIdentifier } from '../../src/lib/login-identifier.js';
import { foldName } from '../../src/lib/names.js';
import { createModels, type Models } from '../../src/models/index.js';
import {
  type FoundUser,
  hasOtherAdmin,
  readPlace,
  searchUsers,
  type UserFilter,
  type UserPlace,
  writePlace,
} from '../../src/models/user-search.js';
import { crowd, now, type Person, rowOf, unevenCrowd } from '../support/crowd.js';
import { openTarget, type TestTarget, targets } from '../support/test-database.js';

const SPECIAL: Person[] = [
  { username: 'Root', roles: ['user', 'admin'] },
  { username: 'sleeping-root', roles: ['admin'], disabled: true },
  { username: 'Adam' },
  { username: 'adam', lookalike: true },
  { username: 'eve@example.com', email: 'eve@example.com', name: 'eve@example.com' },
  { username: '100%_sure', name: "O'Brien" },
  { username: '100x', name: 'O"Brien \\' },
  { username: 'ligature', name: 'ﬀion' },
  { username: 'İpek', email: 'i\u0307pek@example.com' },
  { username: 'Ｋａｉ', name: 'ＫＡＩ' },
  { username: '\u{10400}deseret', name: '\u{10428}' },
  { username: '\uffee_halfwidth', name: '\uffee' },
  { username: 'small', name: 'order \u{10428}' },
  { username: 'large', name: 'order \ufffd' },
  { username: 'replaced', name: '\ufffd' },
  { username: 'last', name: '\u{10ffff}\u{10ffff}x' },
  { username: 'before-surrogates', name: '\ud7ffx' },
  { username: 'behind-surrogates', name: '\ue000x' },
  { username: 'long', name: `${'l'.repeat(300)}ong` },
];

describe.each(targets.filter((kind) => kind !== 'a SQLite file'))('the users in %s', (kind) => {
  let target: TestTarget;
  let database: Database;
  let User: Models['User'];

  const add = async (...people: Person[]): Promise<void> => {
    await User.bulkCreate(people.map(rowOf));
  };
  beforeAll(async () => {
    target = await openTarget(kind);
    database = createDatabase(target.target);
    await migrate(database);
    ({ User } = createModels(database.sequelize));
  });
  afterAll(async () => {
    await database.close();
    await target.drop();
  });

  /** Every user who fits, as the list promises them: made of the whole table. */
  const expected = async ({ q = '', role, status }: UserFilter): Promise<UserPlace[]> => {
    const users = await User.findAll({ order: ['id'] });
    return users
      .filter(({ roles }) => role === undefined || roles.includes(role))
      .filter(({ disabled_at }) => status === undefined || (disabled_at !== null) === (status === 'disabled'))
      .flatMap((user) => {
        const keys = [user.username_fold ?? user.lookalike_fold, user.email_fold, user.display_name_fold];
        const found = keys
          .flatMap((key) => (key?.startsWith(foldName(q)) ? [Buffer.from(key)] : []))
          .sort((one, other) => Buffer.compare(one, other));
        const first = q === '' || q === String(user.id) ? Buffer.from('') : found[0];
        return first === undefined ? [] : [{ key: first, id: user.id }];
      })
      .sort((one, other) => Buffer.compare(one.key, other.key) || one.id - other.id)
      .map(({ key, id }) => ({ key: key.toString(), id }));
  };

  /** The pieces of the list one after the other, each from the last one's cursor on. */
  const pages = async (filter: UserFilter, limit: number, between: (page: FoundUser[]) => Promise<unknown> = () => Promise.resolve()) => {
    const all: FoundUser[] = [];
    let after: UserPlace | undefined;
    for (;;) {
      const page = await searchUsers(User, filter, limit, after);
      all.push(...page);
      await between(page);
      const last = page.at(-1);
      if (last === undefined || page.length < limit) return all;
      after = readPlace(writePlace(last.place));
      expect(after).toEqual(last.place);
    }
  };
  const names = async (filter: UserFilter): Promise<string[]> => (await searchUsers(User, filter, 400)).map(({ user }) => user.username);

  describe('in a crowd', () => {
    beforeAll(() => add(...crowd(), ...unevenCrowd(), ...SPECIAL));
    afterAll(() => User.destroy({ where: {} }));

    const traits = [{ role: 'support' }, { status: 'disabled' }, { role: 'user', status: 'active' }, { role: 'admin' }] as const;
    const filters: UserFilter[] = [
      ...['', 'u', 'user ', 'USER1', 'ada@example.com', 'shared@', 'zoë', '1', 'mixed', 'twin', 'nobody'].map((q) => ({ q })),
      { role: 'user' },
      ...['', 'user', 'ada l'].flatMap((q) => traits.map((some) => ({ q, ...some }))),
    ];
    test.each(filters)('who fit %j come once each, in order, however the list is cut', async (filter) => {
      const places = await expected(filter);
      const all = await pages(filter, 30);
      expect(all.map(({ place }) => place)).toEqual(places);
      expect(all.every(({ user, place }) => user.id === place.id)).toBe(true);
    });

    test('the list can be cut into single users', async () => {
      for (const filter of [{ status: 'disabled' }, { q: 'zoë1', role: 'guest' }] as const)
        expect((await pages(filter, 1)).map(({ place }) => place)).toEqual(await expected(filter));
    });

    test.each([
      ['100%', ['100%_sure']],
      ['%', []],
      ['_', []],
      ['100_', []],
      ["o'", ['100%_sure']],
      ['o"brien \\', ['100x']],
      ['\\', []],
      ["' OR 1=1 --", []],
      ['$begins', []],
      [':q', []],
      ['ff', ['ligature']],
      ['ﬀ', ['ligature']],
      ['FFI', ['ligature']],
      ['İ', ['İpek']],
      ['i\u0307PEK', ['İpek']],
      ['kai', ['Ｋａｉ']],
      ['ＫＡ', ['Ｋａｉ']],
      ['adam', ['Adam', 'adam']],
      ['eve@example.com', ['eve@example.com']],
      ['\u{10400}', ['\u{10400}deseret']],
      ['\uffee', ['\uffee_halfwidth']],
      ['\u{10ffff}', ['last']],
      ['\ud7ff', ['before-surrogates']],
      ['\ue000', ['behind-surrogates']],
      ['order', ['large', 'small']],
      ['\ufffd', ['replaced']],
      ['\ud83d', []],
      ['a\0', []],
      ['\0', []],
      [' ada', []],
      ['-1', []],
      ['9'.repeat(15), []],
      ['0', []],
    ])('%j is taken to the letter', async (q, found) => {
      expect(await names({ q })).toEqual(found);
    });

    test('a very long text is one like any other', async () => {
      expect(await names({ q: 'l'.repeat(300) })).toEqual(['long']);
      for (const q of ['l'.repeat(301), 'l'.repeat(20_000), '9'.repeat(400)]) expect(await names({ q })).toEqual([]);
    });

    test('an id finds its user first, and whoever begins so afterwards', async () => {
      const { id } = await User.findOne({ where: { username: 'Root' }, rejectOnEmpty: true });
      await add({ username: `${id}-at-your-service`, name: `${id} zero` });
      const all = await pages({ q: String(id) }, 1);
      expect(all.map(({ user }) => user.username)).toEqual(['Root', `${id}-at-your-service`]);
      expect(await names({ q: String(id), role: 'support' })).toEqual([]);
      expect(await names({ q: `0${id}` })).toEqual([]);
      const disabled = await User.findOne({ where: { disabled_at: now }, order: ['id'], rejectOnEmpty: true });
      expect((await names({ q: String(disabled.id) }))[0]).toBe(disabled.username);
      expect(await names({ q: String(disabled.id), status: 'active' })).not.toContain(disabled.username);
    });

    test.each([{ role: 'nobody’s' }, { role: '"user"' }, { role: '%' }, { q: 'ada', role: 'use' }, { role: 'a\0' }])(
      'a role that nobody has finds nobody: %j',
      async (filter) => {
        expect(await searchUsers(User, filter, 10)).toEqual([]);
      },
    );

    test('a place behind all, of another search, or made up is no fault', async () => {
      expect(await searchUsers(User, {}, 5, { key: '', id: Number.MAX_SAFE_INTEGER })).toEqual([]);
      const first = await searchUsers(User, { q: 'zoë' }, 5);
      for (const key of ['', 'ada', 'zz', 'zoë\0'].slice(0, kind === 'PostgreSQL' ? 4 : 3))
        expect(await searchUsers(User, { q: 'zoë' }, 5, { key, id: -5 })).toEqual(first);
      expect(await searchUsers(User, { q: 'zoë' }, 5, { key: 'zoë\u{10ffff}', id: 0 })).toEqual([]);
    });
  });

  describe('while they come and go', () => {
    beforeEach(() => add(...Array.from({ length: 30 }, (_, index) => ({ username: `user-${10 + index}`, name: `Name ${40 - index}` }))));
    afterEach(() => User.destroy({ where: {} }));

    test.each([{}, { q: 'user' }, { q: 'name', role: 'user' }, { status: 'active' }] as const)(
      'who was there all the time is met once, by %j',
      async (filter) => {
        const before = await names(filter);
        const [met, gone] = [new Set<string>(), new Set<string>()];
        let made = 0;
        const all = await pages(filter, 4, async (page) => {
          for (const { user } of page) met.add(user.username);
          // The one whom the cursor names goes, and the one who would have been next; new ones come around them.
          const next = before.find((username) => !met.has(username) && !gone.has(username)) ?? '';
          await User.destroy({ where: { username: [page.at(-1)?.user.username ?? '', next] } });
          gone.add(next);
          if (made < 5)
            await add({ username: `user-0${made}`, name: `Name 0${made}` }, { username: `user-9${made}`, name: `Name 9${made}` });
          made += 1;
        });
        const usernames = all.map(({ user }) => user.username);
        expect(met.size).toBe(usernames.length);
        expect(usernames.filter((username) => before.includes(username))).toEqual(before.filter((username) => !gone.has(username)));
        expect(gone.size).toBeGreaterThan(3);
      },
    );

    test('who is deleted while a piece is read leaves no gap in it', async () => {
      let doomed = await User.findAll({ where: { username: ['user-11', 'user-13'] } });
      User.addHook('beforeFind', 'doom', async () => {
        const now = doomed;
        doomed = [];
        for (const user of now) await user.destroy();
      });
      try {
        const found = await searchUsers(User, { q: 'user' }, 5);
        expect(found.map(({ user }) => user.username)).toEqual(['user-10', 'user-12', 'user-14', 'user-15', 'user-16']);
      } finally {
        User.removeHook('beforeFind', 'doom');
      }
    });
  });

  describe('another administrator', () => {
    afterEach(() => User.destroy({ where: {} }));

    test.each<[string, Person[], boolean]>([
      ['is not the user in question', [], false],
      ['is not a user', [{ username: 'bob' }], false],
      ['is not whose role is called alike', [{ username: 'bob', roles: ['administrator', 'admin2', 'Admin', '"admin"'] }], false],
      ['is not disabled', [{ username: 'bob', roles: ['admin'], disabled: true }], false],
      ['has taken their invitation', [{ username: 'bob', roles: ['admin'], invited: true }], false],
      [
        'is found behind a hundred invited ones',
        [
          ...Array.from({ length: 120 }, (_, n) => ({ username: `guest-${n}`, roles: ['admin'], invited: true })),
          { username: 'bob', roles: ['admin'] },
        ],
        true,
      ],
      ['is somebody with that role', [{ username: 'bob', roles: ['admin'] }], true],
      ['may have others too', [{ username: 'bob', roles: ['user', 'admin', 'support'] }], true],
      [
        'is found beside one who is disabled',
        [
          { username: 'bob', roles: ['admin'], disabled: true },
          { username: 'eve', roles: ['admin'] },
        ],
        true,
      ],
    ])('%s', async (_, others, there) => {
      await add({ username: 'root', roles: ['user', 'admin'] }, ...others);
      const { id } = await User.findOne({ where: { username: 'root' }, rejectOnEmpty: true });
      expect(await database.transaction((transaction) => hasOtherAdmin(User, id, transaction))).toBe(there);
    });

    test('is who was made one in the same transaction', async () => {
      await add({ username: 'root', roles: ['admin'] }, { username: 'bob' });
      const { id } = await User.findOne({ where: { username: 'root' }, rejectOnEmpty: true });
      const there = database.transaction(async (transaction) => {
        await User.update({ roles: ['user', 'admin'] }, { where: { username: 'bob' }, transaction });
        return hasOtherAdmin(User, id, transaction);
      });
      expect(await there).toBe(true);
    });
  });

  // PostgreSQL rightly walks so small a table.
  if (kind !== 'PostgreSQL') {
    test('no list and no search walks the table, or the index from its beginning', async () => {
      await add(...crowd(), ...SPECIAL);
      const query = jest.spyOn(database.sequelize, 'query');
      const filters = [
        {},
        { status: 'active' },
        { role: 'support' },
        { q: 'user' },
        { q: 'user', role: 'guest', status: 'disabled' },
      ] as const;
      for (const filter of filters) await pages(filter, 20);
      await database.transaction((transaction) => hasOtherAdmin(User, 1, transaction));
      await User.findCandidates(loginIdentifier('ada@example.com'));
      await User.identify(loginIdentifier('ada@example.com'));
      await User.isNameTaken('ada', 'ada');
      const asked = query.mock.calls.map(([sql]) => (typeof sql === 'string' ? sql : sql.query));
      const selects = new Set(asked.filter((sql) => sql.includes('users')));
      query.mockRestore();
      expect(selects.size).toBeGreaterThan(10);
      for (const sql of selects) {
        const plan = await database.sequelize.query<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, { type: QueryTypes.SELECT });
        const details = plan.map(({ detail }) => detail);
        const steps = [...details.entries()].filter(([, detail]) => /\b(users|OwnUser)\b/.test(detail));
        expect(steps.length).toBeGreaterThan(0);
        for (const [index, step] of steps) {
          expect(step).toMatch(
            /^SEARCH (users|OwnUser) USING (COVERING INDEX auth_users_kinds$|INTEGER PRIMARY KEY|(COVERING )?INDEX .*\()/,
          );
          if (step.includes('users_search')) expect(step).toMatch(/\(<expr>=\? AND (<expr>|\w+)(=\? AND id>\?|>\? AND (<expr>|\w+)<\?)\)$/);
          // Hardly anybody shares a username's fold, so those few may be sorted.
          const mayBeSorted = step.includes('search_name (<expr>=? AND <expr>=?') || !/users_(search|kinds)/.test(step);
          if (!mayBeSorted) expect(details[index + 1] ?? '').not.toContain('TEMP B-TREE');
        }
      }
    });
  }
});

describe('a cursor', () => {
  test.each<UserPlace>([
    { key: '', id: 1 },
    { key: 'ada lovelace', id: 20 },
    { key: ' \n7 \0', id: -3 },
    { key: '\u{10400}é', id: Number.MAX_SAFE_INTEGER },
  ])('stands for the place %j', (place) => {
    const cursor = writePlace(place);
    expect(cursor).toMatch(/^[\w-]+$/);
    expect(readPlace(cursor)).toEqual(place);
  });

  test.each(['', 'x', '%%%', Buffer.from('1').toString('base64url'), Buffer.from('9999999999999999 a').toString('base64url')])(
    'that is none of ours is told: %j',
    (cursor) => {
      expect(readPlace(cursor)).toBeUndefined();
    },
  );
});
