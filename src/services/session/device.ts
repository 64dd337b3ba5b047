import type { Client } from '../../lib/actor.js';

/** More of it tells nobody anything. */
const USER_AGENT_CHARACTERS = 256;

/** What a session keeps of who used it last, so that its user can tell it from others. */
export const deviceOf = ({ ip, userAgent }: Client): { ip: string | null; user_agent: string | null } => ({
  ip,
  user_agent: userAgent?.slice(0, USER_AGENT_CHARACTERS) ?? null,
});

/** When a session ends that is used at that time and not again. */
export const idleEnd = (from: Date, idleSeconds: number, endsAt: Date): Date =>
  new Date(Math.min(from.getTime() + idleSeconds * 1000, endsAt.getTime()));
