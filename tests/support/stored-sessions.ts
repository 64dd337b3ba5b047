import { afterEach, beforeEach } from '@jest/globals';
import type { Caller, Client } from '../../src/lib/actor.js';
import { createRoles } from '../../src/lib/roles.js';
import type { Session } from '../../src/models/session.model.js';
import { createLogger } from '../../src/observability/logger.js';
import { type AuditRecord, type AuditService, createAuditService } from '../../src/services/audit/audit.service.js';
import { createSecretKeys } from '../../src/services/key/secret-keys.js';
import { createRevocations } from '../../src/services/session/revocations.js';
import { createSessionService, type Grant, type SessionService } from '../../src/services/session/session.service.js';
import { createTokenService } from '../../src/services/token.service.js';
import { actorOf, CLIENT } from './client.js';
import { openStoredUsers, type StoredUsers } from './stored-users.js';

export const ROOT_KEY = 'k'.repeat(64);
const DAY_SECONDS = 24 * 3600;
/** Of an access token. */
export const LIFETIME_SECONDS = 1800;

export type Opened = Grant & { readonly id: string };

/** The sessions of two users in a database in memory, without a service around them: anew for each test. */
export interface StoredSessions {
  readonly stored: StoredUsers;
  readonly audit: AuditService;
  readonly sessions: SessionService;
  /** Every line that was logged. */
  readonly log: readonly string[];
  /** Another process on the same database. */
  start(): Promise<SessionService>;
  /** Logs a user in: ada, unless told. */
  open(userId?: number, client?: Client): Promise<Opened>;
  readonly isTaken: (grant: Grant) => Promise<boolean>;
  rowOf(opened: Opened): Promise<Session>;
  /** Who calls with an access token of that session. */
  callerOf(userId: number, sessionId: string): Caller;
  /** The events of sessions that ended, newest first. */
  ended(): Promise<readonly AuditRecord[]>;
  logged(): unknown[];
}

/** Has each test of the file find fresh ones. `perUser` is SESSIONS_PER_USER. */
export function withStoredSessions({ perUser = 0 } = {}): StoredSessions {
  let stored: StoredUsers;
  let audit: AuditService;
  let sessions: SessionService;
  let log: string[];

  const logger = createLogger({ level: 'trace', readable: false, destination: { write: (line) => log.push(line) } });
  const start = async (): Promise<SessionService> => {
    const { database, models, clock } = stored;
    const revocations = createRevocations({ model: models.Revocation, database, clock, lifetimeSeconds: LIFETIME_SECONDS });
    await revocations.load();
    const algorithm = 'HS256';
    const keys = { algorithm, ...createSecretKeys({ algorithm, secretKey: 's'.repeat(64), previousSecretKey: undefined }) } as const;
    const settings = { issuer: 'https://auth.example.com', audience: 'shop', clientId: 'lingomate', lifetimeSeconds: LIFETIME_SECONDS };
    return createSessionService({
      models,
      database,
      revocations,
      audit,
      clock,
      tokens: createTokenService({ keys, rootKeys: { current: ROOT_KEY, previous: undefined }, clock, settings }),
      rootKeys: { current: ROOT_KEY, previous: undefined },
      roles: createRoles({ user: [], admin: [] }),
      settings: { idleSeconds: 7 * DAY_SECONDS, longestSeconds: 30 * DAY_SECONDS, perUser },
      logger,
    });
  };
  beforeEach(async () => {
    stored = await openStoredUsers();
    log = [];
    const { database, models, clock } = stored;
    audit = createAuditService({ models, database, clock, rootKeys: { current: ROOT_KEY, previous: undefined }, retentionDays: 0, logger });
    sessions = await start();
  });
  afterEach(async () => {
    await sessions.close();
    await stored.database.close();
  });

  return {
    get stored() {
      return stored;
    },
    get audit() {
      return audit;
    },
    get sessions() {
      return sessions;
    },
    get log() {
      return log;
    },
    start,
    open: async (userId = stored.ada, client = CLIENT) => {
      const user = await stored.models.User.findByPk(userId, { rejectOnEmpty: true });
      const grant = await stored.database.transaction((transaction) => sessions.open({ user, amr: ['pwd'], client }, transaction));
      return { ...grant, id: grant.refreshToken.slice(0, 36) };
    },
    isTaken: ({ accessToken }) =>
      sessions.authenticate(accessToken).then(
        () => true,
        () => false,
      ),
    rowOf: ({ id }) => stored.models.Session.findByPk(id, { rejectOnEmpty: true }),
    callerOf: (userId, sessionId) => ({
      kind: 'user',
      actor: actorOf(userId, sessionId, stored.clock.now()),
      scopes: [],
      assertOwn: () => Promise.resolve(),
    }),
    ended: async () => (await audit.list({ type: 'session.ended' }, { limit: 100 })).items,
    logged: () => log.map((line): unknown => JSON.parse(line)),
  };
}
