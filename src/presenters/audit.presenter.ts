import type { AuditDetails } from '../services/audit/audit-events.js';
import type { AuditRecord } from '../services/audit/audit.service.js';

/** Who did something, as it is told to whom it is about. */
export const DOERS = ['you', 'administrator', 'service', 'system', 'nobody'] as const;
export type Doer = (typeof DOERS)[number];

/** An event as the user that it is about sees it. */
export interface ActivityShape {
  readonly id: string;
  readonly type: string;
  readonly created_at: string;
  readonly by: Doer;
  readonly ip: string | null;
  readonly user_agent: string | null;
  readonly session_id: string | null;
  readonly details: AuditDetails;
}

/** Who else did it, and from where, is theirs to know. */
export function presentActivity(event: AuditRecord, userId: number): ActivityShape {
  const by = doerOf(event.actor, userId);
  const known = by === 'you' || by === 'nobody';
  return {
    id: event.id,
    type: event.type,
    created_at: event.at.toISOString(),
    by,
    ip: known ? event.ip : null,
    user_agent: known ? event.userAgent : null,
    session_id: event.sessionId,
    details: event.details,
  };
}

function doerOf({ kind, id }: AuditRecord['actor'], userId: number): Doer {
  if (kind === 'user') return id === String(userId) ? 'you' : 'administrator';
  if (kind === 'operator') return 'administrator';
  return kind === 'service' || kind === 'system' ? kind : 'nobody';
}

/** An event as administrators and operators see it. */
export interface AuditEventShape {
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  readonly created_at: string;
  readonly actor: { readonly kind: string; readonly id: string | null };
  readonly user_id: number | null;
  readonly session_id: string | null;
  readonly ip: string | null;
  readonly user_agent: string | null;
  readonly request_id: string | null;
  readonly details: AuditDetails;
}

export const presentAuditEvent = (event: AuditRecord): AuditEventShape => ({
  seq: event.seq,
  id: event.id,
  type: event.type,
  created_at: event.at.toISOString(),
  actor: { kind: event.actor.kind, id: event.actor.id },
  user_id: event.userId,
  session_id: event.sessionId,
  ip: event.ip,
  user_agent: event.userAgent,
  request_id: event.requestId,
  details: event.details,
});
