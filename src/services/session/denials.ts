import type { Doer } from '../../lib/actor.js';
import type { SessionModel } from '../../models/session.model.js';
import type { AuditService } from '../audit/audit.service.js';

/** Records that a caller asked to end a session of another user (ASVS 16.3.2). */
export interface Denials {
  /** Records nothing for a session that does not exist, for the caller's own, or for a caller who is not authenticated. */
  record(sessionId: string, by: Doer): Promise<void>;
}

export const createDenials = ({ Session, audit }: { Session: SessionModel; audit: Pick<AuditService, 'recordRefusal'> }): Denials => ({
  record: async (sessionId, by) => {
    if (by.kind !== 'user' && by.kind !== 'service') return;
    const owner = (await Session.findByPk(sessionId))?.user_id;
    if (owner === undefined || (by.kind === 'user' && by.id === String(owner))) return;
    const userId = by.kind === 'user' ? Number(by.id) : null;
    await audit.recordRefusal({ type: 'access.denied', by, userId, details: { resource: 'session' } });
  },
});
