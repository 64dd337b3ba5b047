import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { AppError } from '../errors/app-error.js';
import { type Doer, OPERATOR } from '../lib/actor.js';
import type { Clock } from '../lib/clock.js';
import { deriveKeys, type RootKeys } from '../lib/derived-key.js';
import type { Database } from '../adapters/database.js';
import type { ServiceKey, ServiceKeyModel } from '../models/service-key.model.js';
import type { Logger } from '../observability/logger.js';
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

/** Another service that calls. */
export interface ServiceCaller {
  readonly keyId: string;
  readonly scopes: readonly string[];
}

export interface ServiceKeyService {
  /** A new key. It is in no other answer, ever: only its hash is kept. Throws `validation_failed` for a name or scope that can't be. */
  create(input: { name: string; scopes: readonly string[] }, by?: Doer): Promise<{ id: string; key: string }>;
  /** Every key, revoked ones too, oldest first. */
  list(): Promise<ServiceKey[]>;
  /** Refuses a key from now on. Throws `not_found` where there is none of that id that is good. */
  revoke(id: string, by?: Doer): Promise<void>;
  /** Whose key it is. Throws `invalid_token` for one that is unknown or revoked. */
  authenticate(key: string): Promise<ServiceCaller>;
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
    create: async ({ name, scopes }, by = OPERATOR) => {
      assertDescribed(name, scopes);
      const key = PREFIX + randomBytes(KEY_BYTES).toString('base64url');
      const id = randomUUID();
      const row = {
        id,
        name,
        scopes: [...scopes],
        key_hash: hash(keys.current, key),
        created_at: new Date(clock.now()),
        last_used_at: null,
        revoked_at: null,
      };
      await database.transaction(async (transaction) => {
        await model.create(row, { transaction });
        audit.record({ type: 'service_key.created', by, details: { service_key: id, scopes: [...scopes] } }, transaction);
      });
      logger.info({ service_key_id: id, scopes }, 'service key created');
      return { id, key };
    },
    list: () =>
      model.findAll({
        order: [
          ['created_at', 'ASC'],
          ['id', 'ASC'],
        ],
      }),
    revoke: async (id, by = OPERATOR) => {
      const revoked = { revoked_at: new Date(clock.now()) };
      const found = await database.transaction(async (transaction) => {
        const [changed] = await model.update(revoked, { where: { id, revoked_at: null }, transaction });
        if (changed > 0) audit.record({ type: 'service_key.revoked', by, details: { service_key: id } }, transaction);
        return changed > 0;
      });
      if (!found) throw new AppError('not_found', { details: { detail: 'There is no such service key, or it is revoked' } });
      logger.info({ service_key_id: id }, 'service key revoked');
    },
    authenticate: async (key) => {
      const row = FORM.test(key)
        ? await model.findOne({ where: { key_hash: keys.all.map((one) => hash(one, key)), revoked_at: null } })
        : null;
      if (row === null) throw new AppError('invalid_token');
      uses.note(row);
      return { keyId: row.id, scopes: row.scopes };
    },
    close: () => uses.written(),
  };
}

function assertDescribed(name: string, scopes: readonly string[]): void {
  const fields = [
    ...(name.trim() === '' || name.length > NAME_CHARACTERS || /\p{C}/u.test(name)
      ? [{ path: 'name', code: 'format', message: `needs 1 to ${NAME_CHARACTERS} characters that can be seen` }]
      : []),
    ...(scopes.length === 0 || scopes.some((scope) => !SERVICE_SCOPES.some((one) => one === scope))
      ? [{ path: 'scopes', code: 'not_allowed', message: `may be: ${SERVICE_SCOPES.join(', ')}` }]
      : []),
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
