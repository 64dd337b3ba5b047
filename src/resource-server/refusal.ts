import { decodeProtectedHeader, errors } from 'jose';
import { isKeyPairAlgorithm } from '../../config/algorithms.js';

/** What a verifier expects of a token, for the reasons that it gives. */
export interface Expected {
  readonly issuer: string;
  readonly audience: string;
  readonly algorithms: readonly string[];
  /** The URL of the key set; undefined where the verifier has the shared secret. */
  readonly keySet: string | undefined;
  /** Reports whether the key set was read and has no key. */
  readonly isKeySetEmpty: () => boolean;
}

const CLOCK = 'is the clock of this machine behind?';
const SHARED_SECRET = 'set secretKey to its SECRET_KEY, or start the service with ALGORITHM=ES256';

/**
 * Returns why a token was refused, for the operator of the resource server, with the library's error as its cause. It never has the
 * token, and values of the token only once the signature has been verified: log lines cannot be forged with it.
 */
export function refusalOf(error: unknown, token: string, expected: Expected): Error {
  return new Error(`The access token was refused: ${reasonOf(error, token, expected)}`, { cause: error });
}

function reasonOf(error: unknown, token: string, expected: Expected): string {
  if (error instanceof errors.JWTExpired) return 'it has expired';
  if (error instanceof errors.JWTClaimValidationFailed) return claimReason(error, expected);
  if (error instanceof errors.JOSEAlgNotAllowed) return algorithmReason(token, expected);
  if (error instanceof errors.JWKSNoMatchingKey) return keyReason(expected);
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return expected.keySet === undefined
      ? 'its signature does not verify with secretKey: is that the SECRET_KEY of the service?'
      : 'its signature does not verify with the key set: it was changed, or signed by another service';
  }
  return 'it is no JWT that can be verified';
}

function claimReason({ claim, payload }: errors.JWTClaimValidationFailed, { issuer, audience }: Expected): string {
  if (claim === 'typ') return 'its header "typ" is not "at+jwt": it is no access token of this service';
  if (claim === 'nbf') return `its claim "nbf" is in the future: ${CLOCK}`;
  if (claim === 'iss' && typeof payload.iss === 'string') return issuerReason(payload.iss, issuer);
  if (claim === 'aud' && payload.aud !== undefined) {
    return `its audience is ${JSON.stringify(payload.aud)}, and audience here is ${JSON.stringify(audience)}: set audience to AUDIENCE of the service`;
  }
  return malformedClaims(claim);
}

function issuerReason(actual: string, issuer: string): string {
  const bySlash = actual.replace(/\/$/, '') === issuer.replace(/\/$/, '') ? ' (they differ in the trailing slash)' : '';
  return `its issuer is ${JSON.stringify(actual)}, and issuer here is ${JSON.stringify(issuer)}${bySlash}: set issuer to ISSUER of the service`;
}

function algorithmReason(token: string, { algorithms, keySet }: Expected): string {
  const actual = knownAlgorithm(token);
  const takes = algorithms.join(', ');
  if (actual === undefined) return `it is signed with another algorithm than ${takes}`;
  if (keySet !== undefined && !isKeyPairAlgorithm(actual)) {
    return `it is signed with ${actual}, a shared secret, which is not in the key set: ${SHARED_SECRET}`;
  }
  if (keySet === undefined && isKeyPairAlgorithm(actual)) {
    return `it is signed with ${actual}, a key of the key set: leave secretKey out, and set algorithm to ${actual} or leave it out`;
  }
  return `it is signed with ${actual}, and only ${takes} is accepted: set algorithm to ALGORITHM of the service`;
}

const keyReason = ({ keySet = '', isKeySetEmpty }: Expected): string =>
  isKeySetEmpty()
    ? `the key set at ${keySet} is empty, as the service signs with a shared secret: ${SHARED_SECRET}`
    : `the key set at ${keySet} has no key of its "kid": it was signed by another service, or the key set was cached by a proxy`;

/** The algorithm in the header of a token, where it is one that the service could sign with. */
function knownAlgorithm(token: string): string | undefined {
  const { alg = '' } = decodeProtectedHeader(token);
  return /^HS(256|384|512)$/.test(alg) || isKeyPairAlgorithm(alg) ? alg : undefined;
}

/** Returns the reason for a token that was issued in the future of this machine. */
export const futureRefusal = (aheadSeconds: number, leewaySeconds: number): Error =>
  new Error(
    `The access token was refused: it was issued ${aheadSeconds} s in the future, and leewaySeconds is ${leewaySeconds}: ${CLOCK} Synchronise it with NTP`,
  );

const malformedClaims = (claim?: string): string =>
  `${claim === undefined ? 'a claim' : `its claim "${claim}"`} is missing or of the wrong type: it is no access token of this service`;

/** Returns the reason for a token whose claims are not those of an access token. */
export const malformedRefusal = (): Error => new Error(`The access token was refused: ${malformedClaims()}`);

/** Returns the reason for a token whose session was revoked, or which a role change or a restore has invalidated. */
export const revokedRefusal = (): Error =>
  new Error('The access token was refused: its session has ended, or the service has invalidated its access tokens');
