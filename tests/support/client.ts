import type { Actor, Client } from '../../src/lib/actor.js';

/** Who asks where a test calls a service and no request does. */
export const CLIENT: Client = { ip: '127.0.0.1', userAgent: 'a test', requestId: null };

/** A signed-in user where a test calls a service: authenticated at that time, in milliseconds since 1970, or long ago. */
export const actorOf = (userId: number, sessionId = '', authenticatedAt = 0): Actor => ({
  ...CLIENT,
  userId,
  sessionId,
  generation: 1,
  authenticatedAt,
  acr: 'aal1',
});
