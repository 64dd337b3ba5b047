import { Op } from 'sequelize';
import type { Database } from '../../adapters/database.js';
import { AppError } from '../../errors/app-error.js';
import { badCursor } from '../../errors/bad-cursor.js';
import type { Clock } from '../../lib/clock.js';
import { readCursor, toPage, writeCursor } from '../../lib/pagination.js';
import { isUuid, readUuid } from '../../lib/uuid.js';
import type { Models } from '../../models/index.js';
import type { SessionBound } from './bound.js';
import type { Denials } from './denials.js';
import { deviceOf } from './device.js';
import type { Endings } from './endings.js';
import { KEPT_MS, type Revocations } from './revocations.js';
import type { SessionService } from './session.service.js';

const PRUNED_AT_ONCE = 1000;
/** A log-in is held against so many of the user's last ones. */
const DEVICES_COMPARED = 50;

export type Housekeeping = Pick<
  SessionService,
  | 'list'
  | 'end'
  | 'newest'
  | 'endById'
  | 'endAllNow'
  | 'endAllOf'
  | 'endEverything'
  | 'renewAllOf'
  | 'endAhead'
  | 'removeAhead'
  | 'renewAhead'
  | 'knowsDevice'
  | 'revocations'
  | 'prune'
>;

interface HousekeepingParts {
  readonly models: Models;
  readonly database: Database;
  readonly revocations: Revocations;
  readonly clock: Clock;
  readonly endings: Endings;
  readonly denials: Denials;
  readonly bound: SessionBound;
}

/** What users, operators and other services see and end of sessions. */
export function createHousekeeping({ models, database, endings, bound, denials, revocations, clock }: HousekeepingParts): Housekeeping {
  const { Session, User, Revocation } = models;
  return {
    list: async (userId, { limit, cursor }) => {
      const after = cursor === undefined ? undefined : readPlace(cursor);
      const read = await Session.newestLive({ user_id: userId }, new Date(clock.now()), limit + 1, after);
      return toPage(read, limit, ({ created_at, id }) => writeCursor(`${created_at.getTime()} ${id}`));
    },
    end: async (userId, sessionId, why) => {
      const id = readUuid(sessionId);
      if (id === undefined) throw new AppError('not_found');
      if ((await endings.endNow({ id, user_id: userId }, why)) > 0) return;
      await denials.record(id, why.by);
      throw new AppError('not_found');
    },
    newest: async (limit, userId) => {
      const sessions = await Session.newestLive(userId === undefined ? {} : { user_id: userId }, new Date(clock.now()), limit);
      const users = await User.findAll({ attributes: ['id', 'username'], where: { id: sessions.map(({ user_id }) => user_id) } });
      const names = new Map(users.map(({ id, username }) => [id, username]));
      return sessions.flatMap((session) => {
        const username = names.get(session.user_id);
        // Their user was deleted between the two reads, and they with them.
        return username === undefined ? [] : [{ session, username }];
      });
    },
    endById: async (sessionId, why) => {
      const id = readUuid(sessionId);
      if (id === undefined || (await endings.endNow({ id }, why)) === 0)
        throw new AppError('not_found', { details: { detail: 'There is no such session, or it has ended' } });
    },
    endAllNow: (userId, why) => endings.endNow({ user_id: userId }, why),
    endAllOf: (userId, why, transaction, but) =>
      endings.end({ user_id: userId, ...(but === undefined ? {} : { id: { [Op.ne]: but } }) }, why, transaction),
    endEverything: (ahead, transaction) => endings.endEverything(ahead, transaction),
    renewAllOf: (userId, transaction) => endings.renew(userId, transaction),
    endAhead: (userId, why, but) => endings.endAhead(userId, why, but),
    removeAhead: (userId, why, but) => endings.removeAhead(userId, why, but),
    renewAhead: (userId, by) => endings.renewAhead(userId, by),
    knowsDevice: async (userId, client, transaction) => {
      const { ip, user_agent } = deviceOf(client);
      const earlier = await Session.devicesOf(userId, DEVICES_COMPARED, transaction);
      return earlier.length === 0 || earlier.some((device) => device.ip === ip || device.user_agent === user_agent);
    },
    revocations: async (cursor, limit) => {
      if (cursor !== undefined && !/^\d{1,15}$/.test(cursor)) throw badCursor('since');
      return revocations.since(cursor, limit);
    },
    prune: async () => {
      await bound.apply();
      const before = new Date(clock.now() - KEPT_MS);
      const removed = await database.transaction(
        async (transaction) => [
          await Session.deleteEnded(before, PRUNED_AT_ONCE, transaction),
          await Revocation.deleteBefore(before, PRUNED_AT_ONCE, transaction),
        ],
        { ahead: true },
      );
      return removed.includes(PRUNED_AT_ONCE);
    },
  };
}

function readPlace(cursor: string): { createdAt: Date; id: string } {
  const [time = '', id = ''] = readCursor(cursor).split(' ');
  if (!/^\d{1,15}$/.test(time) || !isUuid(id)) throw badCursor();
  return { createdAt: new Date(Number(time)), id };
}
