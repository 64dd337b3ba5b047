/**
 * Maximum length of an access token's `scope`, in characters. Such a token has about 6,000 characters: it fits the bound under
 * which tokens are accepted, and the header buffers of common proxies (8 KB).
 */
export const MAX_SCOPE_CHARACTERS = 4000;

/** Why roles cannot be assigned together. */
export interface RoleFault {
  readonly code: 'not_allowed' | 'too_long';
  readonly message: string;
}

/** The roles that there are, and what each is good for. */
export interface Roles {
  readonly names: readonly string[];
  isKnown(role: string): boolean;
  /** The scopes of all these roles, each once, separated by spaces (RFC 6749 §3.3). A role that is no longer configured has none. */
  scopeOf(roles: readonly string[]): string;
  /** Returns why these roles cannot be assigned together; undefined where they can: all are known, and their scopes fit an access token. */
  faultOf(roles: readonly string[]): RoleFault | undefined;
}

/** Who may administer others. */
export const ADMIN = 'admin';
/** Everybody. */
export const USER = 'user';
const OWN_SCOPE = new Set<string>([USER, ADMIN]);

/** `user` and `admin` have the scope of their own name before those that are configured for them. */
export function createRoles(scopesByRole: Readonly<Record<string, readonly string[]>>): Roles {
  const scopes = new Map(Object.entries(scopesByRole).map(([role, more]) => [role, OWN_SCOPE.has(role) ? [role, ...more] : [...more]]));
  const names = [...scopes.keys()];
  const scopeOf = (roles: readonly string[]): string => [...new Set(roles.flatMap((role) => scopes.get(role) ?? []))].join(' ');
  return {
    names,
    isKnown: (role) => scopes.has(role),
    scopeOf,
    faultOf: (roles) => {
      if (!roles.every((role) => scopes.has(role))) return { code: 'not_allowed', message: `may be: ${names.join(', ')}` };
      const { length } = scopeOf(roles);
      if (length <= MAX_SCOPE_CHARACTERS) return undefined;
      return { code: 'too_long', message: `have scopes of ${length} characters together; an access token takes ${MAX_SCOPE_CHARACTERS}` };
    },
  };
}
