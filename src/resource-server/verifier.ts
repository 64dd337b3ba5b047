import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify, type JWTVerifyGetKey } from 'jose';
import { type Algorithm, HMAC_KEY_BYTES, isKeyPairAlgorithm, KEY_PAIR_ALGORITHMS } from '../../config/algorithms.js';
import { AppError } from '../errors/app-error.js';
import type { AccessTokenClaims } from '../lib/access-token-claims.js';
import { systemClock } from '../lib/clock.js';
import { TOKEN_TYPE } from '../services/key/token-key.js';
import { CLOCK_SKEW_SECONDS, isAccessTokenPayload, toClaims } from '../services/token.service.js';
import { type Expected, futureRefusal, malformedRefusal, refusalOf, revokedRefusal } from './refusal.js';
import { createRevocationFeed } from './revocation-feed.js';

/** As long as the service lets a key set be kept. A key that got out is refused after so long. */
const KEY_SET_MAX_AGE_MS = 30_000;
/** Between two fetches for the sake of an unknown `kid`, which anybody can make up. */
const KEY_SET_COOLDOWN_MS = 1000;
const KEY_SET_TIMEOUT_MS = 1500;
/** A clock that is further off is a fault of the machine, and would widen what a stolen clock setting permits. */
const MAX_LEEWAY_SECONDS = 60;

/** What takes access tokens. */
export interface Verifier {
  /** Whose tokens it takes: the address of the service. */
  readonly issuer: string;
  /**
   * The claims of an access token that is good (RFC 9068 §4, RFC 8725). Throws AppError: `invalid_token` for any other, with the
   * reason as its cause, and `unavailable`, with the cause, where that can't be known.
   */
  verify(token: string): Promise<AccessTokenClaims>;
}

/** Whose tokens, and how they are verified: with the shared secret, or else with the service's key set (RFC 7517). */
export interface VerifierSettings {
  /** ISSUER of the service: `iss` of its tokens, and where it is found. `http://localhost:8000` if left out. */
  readonly issuer?: string | undefined;
  /** AUDIENCE of the service. `lingomate` if left out. */
  readonly audience?: string | undefined;
  /** SECRET_KEY of the service, where it signs with HS256 or its kin. */
  readonly secretKey?: string | undefined;
  /** SECRET_KEY_PREVIOUS of the service, while the secret is replaced. */
  readonly previousSecretKey?: string | undefined;
  /** ALGORITHM of the service. Left out, it is HS256 with a secret, and any of RS256, PS256 and ES256 with a key set. */
  readonly algorithm?: Algorithm | undefined;
  /** Where the key set is, if not at `/.well-known/jwks.json` of the issuer. */
  readonly jwksUri?: string | undefined;
  /** A service key with the scope `introspect`: what the service revokes is then refused within a second. */
  readonly serviceKey?: string | undefined;
  /** Where that is told, if not at `/revocations` of the issuer. */
  readonly revocationsUri?: string | undefined;
  /** How many seconds the clock of the service may be ahead of this machine's: 0 to 60, 5 if left out. Expiry has no leeway. */
  readonly leewaySeconds?: number | undefined;
  /** Called with the reason each time a token is refused. The reason is for logs: the client must not learn it. */
  readonly onRefused?: ((reason: Error) => void) | undefined;
}

/**
 * Verifies access tokens apart from the service that issues them. With a service key a token is accepted only where
 * what was revoked is known as of the last second. Throws TypeError for settings that can't be.
 */
export function createVerifier(settings: VerifierSettings = {}): Verifier {
  const { issuer = 'http://localhost:8000', audience = 'lingomate', serviceKey, revocationsUri, onRefused } = settings;
  assertNotEmpty(settings, ['secretKey', 'serviceKey']);
  const leewaySeconds = leewayOf(settings);
  const algorithms = algorithmsOf(settings);
  const { keys, ...keySet } = keysOf(settings, issuer);
  const expected: Expected = { issuer, audience, algorithms, ...keySet };
  const uri = addressOf(revocationsUri, issuer, '/revocations');
  const feed = serviceKey === undefined ? undefined : createRevocationFeed({ uri, serviceKey, clock: systemClock });

  const claimsOf = async (token: string): Promise<AccessTokenClaims> => {
    const payload = await payloadOf(token, keys, expected);
    if (!isAccessTokenPayload(payload)) throw new AppError('invalid_token', { cause: malformedRefusal() });
    const ahead = payload.iat - Math.floor(systemClock.now() / 1000);
    if (ahead > leewaySeconds) throw new AppError('invalid_token', { cause: futureRefusal(ahead, leewaySeconds) });
    if (await feed?.refuses(payload.sid, payload.refresh_counter, payload.iat)) {
      throw new AppError('invalid_token', { cause: revokedRefusal() });
    }
    return toClaims(payload);
  };
  return {
    issuer,
    verify: async (token) => {
      try {
        return await claimsOf(token);
      } catch (error) {
        if (error instanceof AppError && error.code === 'invalid_token' && error.cause instanceof Error) onRefused?.(error.cause);
        throw error;
      }
    },
  };
}

interface OwnParts {
  readonly issuer: string;
  readonly sessions: { authenticate(token: string): Promise<AccessTokenClaims> };
  readonly start: () => Promise<void>;
}

/** The verifier of a service in the same process: what is revoked there is refused at once. */
export const ownVerifier = ({ issuer, sessions, start }: OwnParts): Verifier => ({
  issuer,
  verify: async (token) => {
    await start().catch((cause: unknown) => {
      throw new AppError('unavailable', { cause });
    });
    return sessions.authenticate(token);
  },
});

function leewayOf({ leewaySeconds = CLOCK_SKEW_SECONDS }: VerifierSettings): number {
  if (leewaySeconds >= 0 && leewaySeconds <= MAX_LEEWAY_SECONDS) return leewaySeconds;
  throw new TypeError(`leewaySeconds must be a number from 0 to ${MAX_LEEWAY_SECONDS}`);
}

/** A variable of the environment that is missing must not turn off what it is for. */
function assertNotEmpty(settings: VerifierSettings, names: readonly (keyof VerifierSettings)[]): void {
  const empty = names.find((name) => Object.hasOwn(settings, name) && (settings[name] ?? '') === '');
  if (empty !== undefined) throw new TypeError(`${empty} is empty: set it, or leave it out`);
}

function algorithmsOf({ algorithm, secretKey }: VerifierSettings): string[] {
  if (algorithm === undefined) return secretKey === undefined ? [...KEY_PAIR_ALGORITHMS] : ['HS256'];
  if (isKeyPairAlgorithm(algorithm) !== (secretKey === undefined)) {
    throw new TypeError(
      secretKey === undefined
        ? `${algorithm} needs secretKey: SECRET_KEY of the service`
        : `${algorithm} is verified with the key set of the service: leave secretKey out`,
    );
  }
  return [algorithm];
}

function addressOf(given: string | undefined, issuer: string, path: string): URL {
  const address = given ?? issuer.replace(/\/$/, '') + path;
  if (!/^https?:/i.test(address) || !URL.canParse(address)) throw new TypeError(`${address} is no address of http or https`);
  return new URL(address);
}

/** How the signature is verified: the keys, and what the reasons for refusals say of them. */
type Keys = Pick<Expected, 'keySet' | 'isKeySetEmpty'> & { readonly keys: readonly JWTVerifyGetKey[] };

function keysOf({ secretKey, previousSecretKey, algorithm = 'HS256', jwksUri }: VerifierSettings, issuer: string): Keys {
  if (secretKey === undefined) return keySetAt(addressOf(jwksUri, issuer, '/.well-known/jwks.json'));
  const fewestBytes = isKeyPairAlgorithm(algorithm) ? Infinity : HMAC_KEY_BYTES[algorithm];
  const keys = [secretKey, previousSecretKey ?? ''].filter(Boolean).map((secret) => {
    const bytes = new TextEncoder().encode(secret);
    if (bytes.length < fewestBytes) throw new TypeError(`secretKey for ${algorithm} must have ${fewestBytes} bytes or more`);
    return () => bytes;
  });
  return { keys, keySet: undefined, isKeySetEmpty: () => false };
}

/** The key set at a URL. What goes wrong with it is no fault of the token. */
function keySetAt(address: URL): Keys {
  const keySet = createRemoteJWKSet(address, {
    cacheMaxAge: KEY_SET_MAX_AGE_MS,
    cooldownDuration: KEY_SET_COOLDOWN_MS,
    timeoutDuration: KEY_SET_TIMEOUT_MS,
  });
  const find: JWTVerifyGetKey = async (header, token) => {
    try {
      return await keySet(header, token);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) throw error;
      throw new AppError('unavailable', { cause: error });
    }
  };
  return { keys: [find], keySet: address.href, isKeySetEmpty: () => keySet.jwks()?.keys.length === 0 };
}

async function payloadOf(token: string, [key, ...others]: readonly JWTVerifyGetKey[], expected: Expected): Promise<JWTPayload> {
  if (key === undefined) throw new TypeError('a verifier has a key');
  const { issuer, audience, algorithms } = expected;
  try {
    return (await jwtVerify(token, key, { algorithms: [...algorithms], issuer, audience, typ: TOKEN_TYPE })).payload;
  } catch (error) {
    if (error instanceof errors.JWSSignatureVerificationFailed && others.length > 0) return payloadOf(token, others, expected);
    throw error instanceof errors.JOSEError ? new AppError('invalid_token', { cause: refusalOf(error, token, expected) }) : error;
  }
}
