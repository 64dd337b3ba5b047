import type { Services } from '../../container.js';
import { MAX_SCOPE_CHARACTERS } from '../../lib/roles.js';
import { type Finding, ok, warn } from './finding.js';

/** Reports users who cannot log in because the scopes of their roles do not fit an access token: ROLES has grown since they got them. */
export async function checkRoles({ admin }: Services): Promise<Finding> {
  const names = await admin.namesBeyondToken();
  if (names.length === 0) return ok('roles', 'the roles of every user fit an access token');
  return warn(
    'roles',
    `users whose roles have scopes of more than ${MAX_SCOPE_CHARACTERS} characters cannot log in: ${names.join(', ')}. Take scopes out of ROLES, or roles from them`,
  );
}
