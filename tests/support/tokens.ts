import { createHmac } from 'node:crypto';

type Members = Readonly<Record<string, unknown>>;

/** A part of a token: text as it stands, anything else as JSON. */
export const encode = (part: unknown): string => Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');

/** A token with these parts under a right HMAC. */
export function signed(header: unknown, payload: unknown, secret: string, hash: 'sha256' | 'sha384' | 'sha512' = 'sha256'): string {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${createHmac(hash, secret).update(input).digest('base64url')}`;
}

/** What an attacker has: a token that was good, what it is made of, and here even the key, so that one thing alone is wrong. */
export interface Specimen {
  readonly token: string;
  readonly secret: string;
  readonly header: Members;
  readonly claims: Members;
  /** Its three parts as they stand. */
  readonly parts: readonly [header: string, payload: string, signature: string];
}

/** Takes a good token apart. */
export function specimenOf(token: string, secret: string): Specimen {
  const [header, payload, signature, ...more] = token.split('.');
  if (header === undefined || payload === undefined || signature === undefined || more.length > 0) throw new TypeError('not a token');
  return { token, secret, header: membersOf(header), claims: membersOf(payload), parts: [header, payload, signature] };
}

/** The members of one part of a token. */
export function membersOf(part: string): Members {
  const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
  if (typeof value !== 'object' || value === null) throw new TypeError('not the part of a token');
  return Object.fromEntries(Object.entries(value));
}

export const without = (members: Members, name: string): Members =>
  Object.fromEntries(Object.entries(members).filter(([one]) => one !== name));

/** The specimen with other claims, and a right signature. */
export const withClaims = ({ header, claims, secret }: Specimen, changed: Members): string =>
  signed(header, { ...claims, ...changed }, secret);

/** The specimen with another header, and a right signature. */
export const withHeader = ({ header, claims, secret }: Specimen, changed: Members): string =>
  signed({ ...header, ...changed }, claims, secret);
