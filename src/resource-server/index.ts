// What another app imports that takes access tokens: nothing of the service itself, and none of its databases.
export { requireAuth } from './require-auth.js';
export type { AuthHandler, AuthLocals, RequireAuthOptions } from './require-auth.js';
export { createVerifier } from './verifier.js';
export type { Verifier, VerifierSettings } from './verifier.js';
export { AppError } from '../errors/app-error.js';
export type { AccessTokenClaims } from '../lib/access-token-claims.js';
