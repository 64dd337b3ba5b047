import { type InferAttributes, Op, type WhereOptions } from 'sequelize';
import { randomUUID } from 'node:crypto';
import type { AuditEvent, NewEventRow, StoredEvent } from '../../models/audit-event.model.js';
import { MOST_SEQ } from '../../models/audit-head.model.js';
import { type AuditDetails, isAuditDetails, type NewAuditEvent } from './audit-events.js';

/** More of it tells nobody anything. */
const USER_AGENT_CHARACTERS = 512;

/** An event as it was recorded. */
export interface AuditRecord {
  readonly seq: number;
  readonly id: string;
  readonly at: Date;
  /** One of AUDIT_EVENTS, unless another version or another hand has written it. */
  readonly type: string;
  readonly actor: { readonly kind: string; readonly id: string | null };
  /** Whom it is about. */
  readonly userId: number | null;
  readonly sessionId: string | null;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly requestId: string | null;
  readonly details: AuditDetails;
}

/** Which events are asked for: those that fit all that is named. */
export interface AuditFilter {
  /** Of a user or a service key: what they have done. */
  readonly actor?: string;
  /** What is about that user. */
  readonly user?: number;
  readonly type?: string;
  /** From that time on. */
  readonly since?: Date;
  /** Before that time. */
  readonly until?: Date;
}

/** An event that waits for its place in the chain. */
export type PendingEvent = Omit<NewEventRow, 'seq' | 'mac'>;

export function toPending({ type, by, userId = null, sessionId = null, details = {} }: NewAuditEvent, now: number): PendingEvent {
  return {
    id: randomUUID(),
    at: now,
    type,
    actor_kind: by.kind,
    actor_id: storable(by.id),
    user_id: userId,
    session_id: storable(sessionId),
    ip: storable(by.ip),
    user_agent: storable(by.userAgent?.slice(0, USER_AGENT_CHARACTERS) ?? null),
    request_id: storable(by.requestId),
    details: storable(JSON.stringify(details)),
  };
}

/**
 * Text that every database gives back as it took it: PostgreSQL refuses NUL, and bytes that are no UTF-8 are read as
 * U+FFFD, so an event that has that was changed.
 */
function storable<T extends string | null>(text: T): T | string {
  return text === null ? text : text.toWellFormed().replace(/[\0\uFFFD]/g, '?');
}

/** What can be told of a row, whoever has written it. */
export function toRecord(row: StoredEvent): AuditRecord {
  return {
    seq: Number(row.seq),
    id: textOf(row.id) ?? '',
    at: timeOf(row.at),
    type: textOf(row.type) ?? '',
    actor: { kind: textOf(row.actor_kind) ?? '', id: textOf(row.actor_id) },
    userId: typeof row.user_id === 'number' ? row.user_id : null,
    sessionId: textOf(row.session_id),
    ip: textOf(row.ip),
    userAgent: textOf(row.user_agent),
    requestId: textOf(row.request_id),
    details: detailsOf(row.details),
  };
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

function timeOf(value: unknown): Date {
  const time = new Date(Number(value));
  return Number.isNaN(time.getTime()) ? new Date(0) : time;
}

function detailsOf(value: unknown): AuditDetails {
  try {
    const details: unknown = JSON.parse(textOf(value) ?? '');
    return isAuditDetails(details) ? details : {};
  } catch {
    return {};
  }
}

/** The rows that fit, behind that number or before it. */
export function whereOf(
  { actor, user, type, since, until }: AuditFilter,
  { after = 0, before }: { after?: number; before?: number | undefined },
): WhereOptions<InferAttributes<AuditEvent>> {
  return {
    seq: { [Op.gt]: after, ...(before === undefined ? { [Op.lte]: MOST_SEQ } : { [Op.lt]: before }) },
    ...(actor === undefined ? {} : { actor_id: actor }),
    ...(user === undefined ? {} : { user_id: user }),
    ...(type === undefined ? {} : { type }),
    ...(since === undefined && until === undefined
      ? {}
      : { at: { ...(since && { [Op.gte]: since.getTime() }), ...(until && { [Op.lt]: until.getTime() }) } }),
  };
}
