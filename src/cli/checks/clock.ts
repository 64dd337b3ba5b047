import type { DatabaseState } from '../../adapters/inspection.js';
import type { Services } from '../../container.js';
import { type Finding, ok, warn } from './finding.js';

const SECOND_MS = 1000;
/** Beyond what an answer takes on its way. */
const MOST_LEAD_MS = 5 * SECOND_MS;

/** This machine's clock against the database server's; without one, against the newest session, which can't be of the future. */
export async function checkClock({ clockLead }: DatabaseState, { sessions }: Services): Promise<Finding> {
  if (clockLead !== undefined) {
    return Math.abs(clockLead) > MOST_LEAD_MS
      ? warn('clock', `it is ${seconds(Math.abs(clockLead))} s off the database server's. ${REMEDY}`)
      : ok('clock', "it agrees with the database server's");
  }
  const [newest] = await sessions.newest(1);
  const lead = newest === undefined ? 0 : newest.session.created_at.getTime() - Date.now();
  return lead > MOST_LEAD_MS
    ? warn('clock', `it is ${seconds(lead)} s behind the newest session. ${REMEDY}`)
    : ok('clock', 'nothing stored lies ahead of it');
}

const REMEDY = 'Set it, and have NTP keep it';
const seconds = (milliseconds: number): number => Math.round(milliseconds / SECOND_MS);
