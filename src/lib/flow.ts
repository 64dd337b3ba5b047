import type { Actor, Client, Doer } from './actor.js';
import { networkOf } from './client-network.js';

/** The client that a piece of work is done for, and the account within it: the keys by which waiting work is shared fairly. */
export interface Flow {
  /** The client IP, or the /64 of an IPv6 one. */
  readonly client: string;
  /** Empty where no account is known. */
  readonly account: string;
}

/** The origin of a request, by any of its descriptions. */
export type Requester = Client | Actor | Doer;

/** The flow of all work that no client asks for. */
export const OWN_FLOW: Flow = { client: '', account: '' };

/**
 * The flow of a request. The account is the signed-in user. A log-in passes what was typed, folded, whether or not such
 * an account exists: names that shared a flow because they are one account's would show that by their waiting times.
 */
export const flowOf = (client: Requester, account = accountOf(client)): Flow => ({ client: networkOf(client.ip), account });

function accountOf(client: Requester): string {
  if ('userId' in client) return `user ${client.userId}`;
  return 'kind' in client && client.id !== null ? `${client.kind} ${client.id}` : '';
}
