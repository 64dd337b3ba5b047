import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { AppError } from '../errors/app-error.js';
import { byClient, type Client, type Doer, OPERATOR, UNKNOWN_CLIENT } from '../lib/actor.js';
import { badCursor } from '../errors/bad-cursor.js';
import type { Clock } from '../lib/clock.js';
import { deriveKeys, type RootKeys } from '../lib/derived-key.js';
import { type Page, type PageRequest, readCursor, toPage, writeCursor } from '../lib/pagination.js';
import { isUuid, readUuid } from '../lib/uuid.js';
import type { Database } from '../adapters/database.js';
import type { ServiceKey, ServiceKeyModel, ServiceKeyPlace } from '../models/service-key.model.js';
import type { Logger } from '../observability/logger.js';
import type { NewAuditEvent } from './audit/audit-events.js';
import type { AuditService } from './audit/audit.service.js';

/** What tells a service key from an access token, and a secret scanner from what it scans. */
const PREFIX = 'lingomate_sk_';
/** ASVS 11.5.1 asks for 16. */
const KEY_BYTES = 32;
const FORM = /^lingomate_sk_[A-Za-z0-9_-]{43}$/;
const NAME_CHARACTERS = 100;
/** How exact `last_used_at` is: not every call is worth a write. */
const LAST_USED_MS = 5 * 60 * 1000;

/** What a service key may be good for. */
export const SERVICE_SCOPES = ['introspect'] as const;

/** How long a key lives unless told (docs/cryptography.md: replaced once a year), and at most. */
export const KEY_LIFETIME_DAYS = { usual: 365, most: 1095 } as const;
const DAY_MS = 24 * 60 * 60 * 1000;

export interface NewServiceKey {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly lifetimeDays?: number | undefined;
}

export interface MadeServiceKey {
  readonly row: ServiceKey;
  readonly id: string;
  readonly key: string;
  readonly expiresAt: Date;
}

/** Another service that calls. */
export interface ServiceCaller {
  readonly keyId: string;
  readonly scopes: readonly string[];
}

export interface ServiceKeyService {
  /**
   * Makes a key that expires after `lifetimeDays` (365 if left out). Only its hash is stored: no other response has the key.
   * Throws `validation_failed` for a name, scope or lifetime that is not allowed.
   */
  create(input: NewServiceKey, by?: Doer): Promise<MadeServiceKey>;
  /** Returns every key, revoked and expired ones too, oldest first. */
  list(): Promise<ServiceKey[]>;
  /** Returns a page of the same list. Throws `validation_failed` for a cursor that is not ours. */
  page(page: PageRequest): Promise<Page<ServiceKey>>;
  /** Refuses a key from now on. Throws `not_found` where no key of that id is left to revoke. */
  revoke(id: string, by?: Doer): Promise<void>;
  /** Returns whose key it is. Throws `invalid_token` alike for one that is unknown, revoked or expired, which is recorded. */
  authenticate(key: string, client?: Client): Promise<ServiceCaller>;
  /** Resolves when nothing is left to write. */
  close(): Promise<void>;
}

/** Whether a Bearer token is to be taken for a service key. */
export const isServiceKey = (token: string): boolean => token.startsWith(PREFIX);

interface Parts {
  readonly model: ServiceKeyModel;
  readonly database: Database;
  readonly audit: AuditService;
  readonly rootKeys: RootKeys;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Keys by which resource servers call this service. */
export function createServiceKeyService({ model, database, audit, rootKeys, clock, logger }: Parts): ServiceKeyService {
  const keys = deriveKeys(rootKeys, 'service keys');
  /** Under a key of its own, so that who can write to the database can't make one either. */
  const hash = (hashingKey: Buffer, key: string): string => createHmac('sha256', hashingKey).update(key).digest('base64url');

  const uses = createUses({ model, database, clock, logger });

  return {
    create: async ({ name, scopes, lifetimeDays = KEY_LIFETIME_DAYS.usual }, by = OPERATOR) => {
      assertDescribed({ name, scopes, lifetimeDays });
      const key = PREFIX + randomBytes(KEY_BYTES).toString('base64url');
      const id = randomUUID();
      const expiresAt = new Date(clock.now() + lifetimeDays * DAY_MS);
      const values = {
        id,
        name,
        scopes: [...scopes],
        key_hash: hash(keys.current, key),
        created_at: new Date(clock.now()),
        expires_at: expiresAt,
        last_used_at: null,
        revoked_at: null,
      };
      const row = await database.forClient(by).transaction(async (transaction) => {
        const details = { service_key: id, scopes: [...scopes], expires_at: expiresAt.toISOString() };
        audit.record({ type: 'service_key.created', by, details }, transaction);
        return model.create(values, { transaction });
      });
      logger.info({ service_key_id: id, scopes, expires_at: expiresAt }, 'service key created');
      return { row, id, key, expiresAt };
    },
    list: () => model.oldest(),
    page: async ({ limit, cursor }) => {
      const after = cursor === undefined ? undefined : readPlace(cursor);
      return toPage(await model.oldest(after, limit + 1), limit, ({ created_at, id }) => writeCursor(`${created_at.getTime()} ${id}`));
    },
    revoke: async (text, by = OPERATOR) => {
      const id = readUuid(text);
      if (id === undefined) throw noSuchKey();
      const revoked = { revoked_at: new Date(clock.now()) };
      const found = await database.forClient(by).transaction(async (transaction) => {
        const [changed] = await model.update(revoked, { where: { id, revoked_at: null }, transaction });
        if (changed > 0) audit.record({ type: 'service_key.revoked', by, details: { service_key: id } }, transaction);
        return changed > 0;
      });
      if (!found) throw noSuchKey();
      logger.info({ service_key_id: id }, 'service key revoked');
    },
    authenticate: async (key, client = UNKNOWN_CLIENT) => {
      const row = FORM.test(key) ? await model.findOne({ where: { key_hash: keys.all.map((one) => hash(one, key)) } }) : null;
      const reason = refusalOf(row, clock.now());
      if (row === null || reason !== undefined) {
        await audit.recordRefusal(rejectionOf(row, reason, client));
        throw new AppError('invalid_token');
      }
      uses.note(row);
      return { keyId: row.id, scopes: row.scopes };
    },
    close: () => uses.written(),
  };
}

/** Why a key is refused; undefined for a valid one. An unknown key is a forged one. */
function refusalOf(row: ServiceKey | null, now: number): 'forged' | 'revoked' | 'expired' | undefined {
  if (row === null) return 'forged';
  if (row.revoked_at !== null) return 'revoked';
  return isExpired(row, now) ? 'expired' : undefined;
}

/** The event of a key that was refused. */
const rejectionOf = (row: ServiceKey | null, reason: string | undefined, client: Client): NewAuditEvent => ({
  type: 'token.rejected',
  by: byClient(client),
  details: { token: 'service_key', reason: reason ?? 'forged', ...(row === null ? {} : { service_key: row.id }) },
});

const noSuchKey = (): AppError => new AppError('not_found', { details: { detail: 'There is no such service key, or it is revoked' } });

/** Whether a key has reached its expiry. */
export const isExpired = ({ expires_at }: Pick<ServiceKey, 'expires_at'>, now: number): boolean =>
  expires_at !== null && expires_at.getTime() <= now;

function readPlace(cursor: string): ServiceKeyPlace {
  const [time = '', id = ''] = readCursor(cursor).split(' ');
  if (!/^\d{1,15}$/.test(time) || !isUuid(id)) throw badCursor();
  return { createdAt: new Date(Number(time)), id };
}

function assertDescribed({ name, scopes, lifetimeDays }: Required<NewServiceKey>): void {
  const isLifetime = Number.isInteger(lifetimeDays) && Number(lifetimeDays) >= 1 && Number(lifetimeDays) <= KEY_LIFETIME_DAYS.most;
  const fields = [
    ...(name.trim() === '' || name.length > NAME_CHARACTERS || /\p{C}/u.test(name)
      ? [{ path: 'name', code: 'format', message: `needs 1 to ${NAME_CHARACTERS} characters that can be seen` }]
      : []),
    ...(scopes.length === 0 || scopes.some((scope) => !SERVICE_SCOPES.some((one) => one === scope))
      ? [{ path: 'scopes', code: 'not_allowed', message: `may be: ${SERVICE_SCOPES.join(', ')}` }]
      : []),
    ...(isLifetime ? [] : [{ path: 'expires_in_days', code: 'not_allowed', message: `must be 1 to ${KEY_LIFETIME_DAYS.most} days` }]),
  ];
  if (fields.length > 0) {
    throw new AppError('validation_failed', {
      details: { fields, detail: fields.map(({ path, message }) => `${path} ${message}`).join('; ') },
    });
  }
}

/** Book-keeping of when a key was used last: written behind the request, which neither waits for it nor fails with it. */
function createUses({ model, database, clock, logger }: Omit<Parts, 'rootKeys' | 'audit'>): {
  note(key: ServiceKey): void;
  written(): Promise<void>;
} {
  const notedAt = new Map<string, number>();
  let writing = Promise.resolve();
  const write = async (id: string): Promise<void> => {
    try {
      const used = { last_used_at: new Date(clock.now()) };
      await database.transaction((transaction) => model.update(used, { where: { id }, transaction }), { ahead: true });
    } catch (error) {
      logger.warn({ err: error, service_key_id: id }, 'the use of a service key could not be noted');
    }
  };
  return {
    note: ({ id, last_used_at }) => {
      const last = Math.max(notedAt.get(id) ?? 0, last_used_at?.getTime() ?? 0);
      if (clock.now() - last < LAST_USED_MS) return;
      notedAt.set(id, clock.now());
      writing = writing.then(() => write(id));
    },
    written: () => writing,
  };
}
