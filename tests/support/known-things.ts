/**
 * What every service under property tests holds, by what it is. Requests name these things, and get what stands for the
 * name when they are sent.
 */
export const KNOWN = {
  password: ['everybody’s password'],
  username: ['ada', 'bob', 'root', 'ada’s address'],
  email: ['ada’s address', 'bob’s address', 'nobody’s address'],
  id: ['ada’s id', 'bob’s id', 'root’s id', 'ada’s session', 'bob’s session', 'root’s session'],
  code: ['ada’s recovery code'],
  token: [
    'ada’s access token',
    'bob’s access token',
    'root’s access token',
    'mallory’s access token',
    'ada’s refresh token',
    'ada’s old refresh token',
    'bob’s refresh token',
    'root’s refresh token',
    'the service key',
    'ada’s reset token',
    'bob’s verification token',
    'an invitation',
  ],
} as const;

export type KnownKind = keyof typeof KNOWN;
export type KnownName = (typeof KNOWN)[KnownKind][number];

/** Those that no answer may repeat, but for the one that gives it. */
export const SECRETS: readonly KnownName[] = [...KNOWN.password, ...KNOWN.code, ...KNOWN.token];
