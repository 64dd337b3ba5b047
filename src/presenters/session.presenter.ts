import type { Session } from '../models/session.model.js';

/** A session as its user sees it. */
export interface SessionShape {
  readonly id: string;
  /** Whether the request came by it. */
  readonly current: boolean;
  readonly ip: string | null;
  readonly user_agent: string | null;
  readonly created_at: string;
  readonly last_used_at: string;
  readonly expires_at: string;
  /** How the user authenticated (RFC 8176). */
  readonly amr: readonly string[];
}

export const presentSession = (session: Session, currentId: string | undefined): SessionShape => ({
  id: session.id,
  current: session.id === currentId,
  ip: session.ip,
  user_agent: session.user_agent,
  created_at: session.created_at.toISOString(),
  last_used_at: session.last_used_at.toISOString(),
  expires_at: session.expires_at.toISOString(),
  amr: session.amr,
});
