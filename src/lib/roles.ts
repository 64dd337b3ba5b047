/** The roles that there are, and what each is good for. */
export interface Roles {
  readonly names: readonly string[];
  isKnown(role: string): boolean;
  /** The scopes of all these roles, each once, separated by spaces (RFC 6749 §3.3). A role that is no longer configured has none. */
  scopeOf(roles: readonly string[]): string;
}

/** Who may administer others. */
export const ADMIN = 'admin';
/** Everybody. */
export const USER = 'user';
const OWN_SCOPE = new Set<string>([USER, ADMIN]);

/** `user` and `admin` have the scope of their own name before those that are configured for them. */
export function createRoles(scopesByRole: Readonly<Record<string, readonly string[]>>): Roles {
  const scopes = new Map(Object.entries(scopesByRole).map(([role, more]) => [role, OWN_SCOPE.has(role) ? [role, ...more] : [...more]]));
  return {
    names: [...scopes.keys()],
    isKnown: (role) => scopes.has(role),
    scopeOf: (roles) => [...new Set(roles.flatMap((role) => scopes.get(role) ?? []))].join(' '),
  };
}
