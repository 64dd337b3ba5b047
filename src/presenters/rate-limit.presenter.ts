import type { Standing } from '../services/limit/tally.js';

/** How limits stand, as draft-ietf-httpapi-ratelimit-headers has it: the rules, and what is left of each, in seconds. */
export const presentStandings = (standings: readonly Standing[]): Readonly<Record<string, string>> => ({
  'RateLimit-Policy': standings.map(({ policy, quota, windowSeconds }) => `"${policy}";q=${quota};w=${windowSeconds}`).join(', '),
  RateLimit: standings.map(({ policy, remaining, resetSeconds }) => `"${policy}";r=${remaining};t=${resetSeconds}`).join(', '),
});
