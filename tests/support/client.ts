import type { Client } from '../../src/lib/actor.js';

/** Who asks where a test calls a service and no request does. */
export const CLIENT: Client = { ip: '127.0.0.1', userAgent: 'a test', requestId: null };
