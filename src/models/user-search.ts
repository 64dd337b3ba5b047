import { Op, type Transaction } from 'sequelize';
import { ADMIN } from '../lib/roles.js';
import { FIRST_ID, idsOfKinds, kindsOf, type UserTraits } from './user-kinds.js';
import type { ReadPlaces, UserPlace } from './user-place.js';
import { isStorable, placesByPrefix, type Prefix, prefixOf } from './user-prefix.js';
import type { User, UserModel } from './user.model.js';

/** Which users are looked for. */
export interface UserFilter extends UserTraits {
  /** How the username, the e-mail address as claimed or the display name begins, whatever its case, width or composition; or an id. */
  readonly q?: string;
}

export interface FoundUser {
  readonly user: User;
  readonly place: UserPlace;
}

/**
 * Up to `limit` users who fit the filter, in the order of their places: everybody once, also where users come and go
 * between two pieces. Every character of `q` means itself, and no text is a fault. A piece is read from an index where it
 * begins, so it takes as long with a million users as with a thousand, unless very many are found by `q` and hardly any
 * of them has a role or status that thousands of others have.
 */
export async function searchUsers(User: UserModel, filter: UserFilter, limit: number, after?: UserPlace): Promise<FoundUser[]> {
  const read = await placesOf(User, filter);
  const found: FoundUser[] = [];
  let from = after;
  while (found.length < limit) {
    const most = limit - found.length;
    const places = await read(most, from);
    found.push(...(await withUsers(User, places)));
    if (places.length < most) break;
    // Who was deleted between the two reads has left a gap.
    from = places.at(-1);
  }
  return found;
}

async function withUsers(User: UserModel, places: readonly UserPlace[]): Promise<FoundUser[]> {
  const users = places.length === 0 ? [] : await User.findAll({ where: { id: places.map(({ id }) => id) } });
  const byId = new Map(users.map((user) => [user.id, user]));
  return places.flatMap((place) => {
    const user = byId.get(place.id);
    return user === undefined ? [] : [{ user, place }];
  });
}

/** How the places of a filter are read. */
async function placesOf(User: UserModel, { q = '', ...traits }: UserFilter): Promise<ReadPlaces> {
  const isEverybody = traits.role === undefined && traits.status === undefined;
  if (q === '') return placesById(User, isEverybody ? undefined : await kindsOf(User, traits));
  const prefix = prefixOf(q);
  if (!isStorable(User, prefix.name.begins)) return () => Promise.resolve([]);
  const kinds = await kindsOf(User, traits);
  const read = placesByPrefix(User, prefix, kinds);
  return async (most, after) => {
    const first = after === undefined ? await ownPlace(User, prefix, kinds) : [];
    return [...first, ...(await read(most, after))].slice(0, most);
  };
}

function placesById(User: UserModel, kinds: readonly string[] | undefined): ReadPlaces {
  return async (most, { id: after } = { key: '', id: FIRST_ID }) => {
    if (kinds !== undefined) return (await idsOfKinds(User, kinds, { after, most })).map(toPlace);
    const rows = await User.findAll({ attributes: ['id'], where: { id: { [Op.gt]: after } }, order: ['id'], limit: most, raw: true });
    return rows.map(({ id }) => toPlace(id));
  };
}

const toPlace = (id: number): UserPlace => ({ key: '', id });

/** The user whose id is looked for, before all others. */
async function ownPlace(User: UserModel, { id }: Prefix, kinds: readonly string[]): Promise<UserPlace[]> {
  if (id === undefined) return [];
  const [next] = await idsOfKinds(User, kinds, { after: id - 1, most: 1 });
  return next === id ? [toPlace(id)] : [];
}

/**
 * Whether some other user than that is an administrator who can log in: not disabled, and not one who was invited and has set
 * no password yet. Takes no longer where there are very many users.
 */
export async function hasOtherAdmin(User: UserModel, id: number, transaction: Transaction): Promise<boolean> {
  const admins = await kindsOf(User, { role: ADMIN, status: 'active' }, transaction);
  for (let after = FIRST_ID; ;) {
    const ids = await idsOfKinds(User, admins, { after, most: ADMINS_AT_ONCE, transaction });
    const where = { id: ids.filter((one) => one !== id), hashed_password: { [Op.ne]: null } };
    if ((await User.findOne({ attributes: ['id'], where, transaction })) !== null) return true;
    const last = ids.at(-1);
    if (ids.length < ADMINS_AT_ONCE || last === undefined) return false;
    after = last;
  }
}

const ADMINS_AT_ONCE = 100;

export { readPlace, type UserPlace, writePlace } from './user-place.js';
