import type { Services } from '../../container.js';
import { type Finding, ok, warn } from './finding.js';

/** Reports users who cannot log in with a password because their stored hash cannot be verified. */
export async function checkHashes({ storedHashes }: Services): Promise<Finding> {
  const found = await storedHashes.unverifiable();
  if (found.length === 0) return ok('hashes', 'every password hash can be verified');
  const counts = found.map(({ users, reason }) => `Users: ${users}. Their password hash ${reason}`);
  return warn(
    'hashes',
    `${counts.join('. ')}. They cannot log in until they reset their password: lingomate-auth export --unverifiable-hashes lists them`,
  );
}
