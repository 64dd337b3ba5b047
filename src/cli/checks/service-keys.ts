import type { Services } from '../../container.js';
import { type Finding, ok, warn } from './finding.js';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Time enough to hand over a new key. */
const SOON_DAYS = 30;

/** Which service keys expire soon, and which never do. Revoked and expired keys are refused already, and not examined. */
export async function checkServiceKeys({ serviceKeys }: Pick<Services, 'serviceKeys'>): Promise<Finding> {
  const now = Date.now();
  const valid = (await serviceKeys.list()).filter((key) => key.revoked_at === null && (key.expires_at?.getTime() ?? Infinity) > now);
  const eternal = valid.filter(({ expires_at }) => expires_at === null);
  const ending = valid.filter(({ expires_at }) => expires_at !== null && expires_at.getTime() - now <= SOON_DAYS * DAY_MS);
  const faults = [
    ...eternal.map(({ id }) => `${id} never expires`),
    ...ending.map(({ id, expires_at }) => `${id} expires at ${expires_at?.toISOString() ?? ''}`),
  ];
  if (faults.length === 0) return ok('service-keys', `${valid.length} are valid, and none expires within ${SOON_DAYS} days`);
  return warn('service-keys', `${faults.join(', ')}. Make a new one with lingomate-auth service-keys create, and revoke the old one`);
}
