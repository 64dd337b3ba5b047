import { type Members, createReader } from './members.js';

/** Base64 without padding, as the hash formats have it. */
const bare = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');

const base64 = (text: string): Buffer | undefined =>
  /^[A-Za-z0-9+/_-]+={0,2}$/.test(text) ? Buffer.from(text.replace(/=+$/, ''), 'base64') : undefined;

const ENCODINGS = {
  hex: (text: string) => (/^(?:[0-9a-f]{2})+$/i.test(text) ? Buffer.from(text, 'hex') : undefined),
  base64,
  base64url: base64,
  utf8: (text: string) => Buffer.from(text, 'utf8'),
} as const;

const isEncoding = (text: string): text is keyof typeof ENCODINGS => Object.hasOwn(ENCODINGS, text);

/** What Node's crypto.scrypt takes where it is told nothing. */
const NODE_SCRYPT = { N: 16_384, r: 8, p: 1 } as const;

const logOf = (n: number): number | undefined => (Number.isInteger(Math.log2(n)) ? Math.log2(n) : undefined);

const whole = (value: unknown, usual: number): number | undefined =>
  value === undefined || value === null
    ? usual
    : Number.isSafeInteger(Number(value)) && typeof value !== 'object'
      ? Number(value)
      : undefined;

/**
 * The hash format of what Node's scrypt made: `{algorithm: "scrypt", N, r, p, salt, hash, encoding, salt_encoding}`, where
 * `encoding` is that of the hash (hex if left out), and `salt_encoding` that of the salt (the same if left out; utf8 where
 * the text itself was the salt). Undefined where it is not that.
 */
export function nodeScryptHash(members: Members): string | undefined {
  const reader = createReader(members);
  const [algorithm, salt, hash] = [reader.text('algorithm'), reader.text('salt'), reader.text('hash')];
  const encoding = reader.text('encoding') ?? 'hex';
  const saltEncoding = reader.text('salt_encoding') ?? encoding;
  const [n, r, p] = [whole(members['N'], NODE_SCRYPT.N), whole(members['r'], NODE_SCRYPT.r), whole(members['p'], NODE_SCRYPT.p)];
  if (algorithm !== 'scrypt' || salt === undefined || hash === undefined || !isEncoding(encoding) || !isEncoding(saltEncoding))
    return undefined;
  const [salted, digest] = [ENCODINGS[saltEncoding](salt), ENCODINGS[encoding](hash)];
  const ln = n === undefined ? undefined : logOf(n);
  if (salted === undefined || digest === undefined || ln === undefined || r === undefined || p === undefined) return undefined;
  return `$scrypt$ln=${ln},r=${r},p=${p}$${bare(salted)}$${bare(digest)}`;
}

/** better-auth's `salt:key`, both in hexadecimal; what it salts with are the characters of the salt, not the bytes they stand for. */
export function betterAuthHash(text: string): string | undefined {
  const [, salt, key] = /^([0-9a-f]{2,256}):((?:[0-9a-f]{2}){16,128})$/i.exec(text) ?? [];
  if (salt === undefined || key === undefined) return undefined;
  return `$scrypt-nfkc$ln=14,r=16,p=1$${bare(Buffer.from(salt, 'utf8'))}$${bare(Buffer.from(key, 'hex'))}`;
}

/** A Firebase project's password hash parameters, as its console shows them. */
export interface FirebaseParameters {
  /** Base64. */
  readonly signerKey: string;
  /** Base64. */
  readonly saltSeparator: string;
  readonly rounds: number;
  readonly memCost: number;
}

/** Supabase Auth's name for a hash of Firebase's scrypt, with all that it takes to check it. */
export function firebaseHash(
  hash: string,
  salt: string,
  { signerKey, saltSeparator, rounds, memCost }: FirebaseParameters,
): string | undefined {
  const [digest, salted, key] = [base64(hash), base64(salt), base64(signerKey)];
  const separator = saltSeparator === '' ? Buffer.alloc(0) : base64(saltSeparator);
  if (digest === undefined || salted === undefined || key === undefined || separator === undefined) return undefined;
  const encoded = [separator, key, salted, digest].map((bytes) => bytes.toString('base64'));
  return `$fbscrypt$v=1,n=${memCost},r=${rounds},p=1,ss=${encoded[0] ?? ''},sk=${encoded[1] ?? ''}$${encoded[2] ?? ''}$${encoded[3] ?? ''}`;
}

/** Keycloak's names of PBKDF2, with the format's name and the bytes that one block of it gives. */
const PBKDF2 = new Map([
  ['pbkdf2', { format: 'pbkdf2', block: 20 }],
  ['pbkdf2-sha256', { format: 'pbkdf2-sha256', block: 32 }],
  ['pbkdf2-sha512', { format: 'pbkdf2-sha512', block: 64 }],
]);

/** What Keycloak keeps of a password. */
export interface KeycloakHash {
  readonly algorithm: string;
  readonly iterations: number;
  readonly value: string;
  /** Base64. */
  readonly salt: string;
  /** Lists of texts, by their names. */
  readonly parameters: Members;
}

/** The hash format of what Keycloak keeps; undefined for an algorithm that it does not bring itself, and for what is malformed. */
export function keycloakHash({ algorithm, iterations, value, salt, parameters }: KeycloakHash): string | undefined {
  // Plug-ins for bcrypt keep its whole hash.
  if (/^\$2[aby]\$/.test(value)) return value;
  const [digest, salted] = [base64(value), base64(salt)];
  if (digest === undefined || salted === undefined || !Number.isSafeInteger(iterations)) return undefined;
  const known = PBKDF2.get(algorithm);
  // Keycloak asks for 64 bytes of every hash. The first block tells as much of the password, and costs only one.
  if (known !== undefined) return `$${known.format}$${iterations}$${bare(salted)}$${bare(digest.subarray(0, known.block))}`;
  if (algorithm !== 'argon2') return undefined;
  const parameter = (name: string): string => {
    const values = parameters[name];
    return Array.isArray(values) ? String(values[0]) : '';
  };
  const version = parameter('version') === '1.3' ? 19 : 16;
  const costs = `m=${parameter('memory')},t=${iterations},p=${parameter('parallelism')}`;
  return `$argon2${parameter('type')}$v=${version}$${costs}$${bare(salted)}$${bare(digest)}`;
}
