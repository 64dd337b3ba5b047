import { createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { calculateJwkThumbprint, type JWK } from 'jose';
import type { KeyPairAlgorithm } from '../../../config/index.js';
import { StartError } from '../../errors/start-error.js';
import { seal, unseal } from '../../lib/sealed.js';

/** Of an RSA key: as strong as AES-128 (NIST SP 800-57 part 1; ASVS 11.2.3). */
const RSA_BITS = 3072;

const generate = promisify(generateKeyPair);

/** A key pair as it is kept: the private half sealed, and bound to its name. */
export interface KeyMaterial {
  readonly kid: string;
  readonly public_jwk: JWK;
  readonly sealed_private_key: string;
}

/** A new key pair. RSA takes a moment, off the event loop. */
export async function makeKeyMaterial(algorithm: KeyPairAlgorithm, sealingKey: Buffer): Promise<KeyMaterial> {
  const { publicKey, privateKey } =
    algorithm === 'ES256' ? await generate('ec', { namedCurve: 'P-256' }) : await generate('rsa', { modulusLength: RSA_BITS });
  const jwk = publicKey.export({ format: 'jwk' });
  // A name that follows from the key (RFC 7638).
  const kid = await calculateJwkThumbprint(jwk);
  const text = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { kid, public_jwk: jwk, sealed_private_key: seal(sealingKey, text, kid) };
}

/** The private half. Throws StartError where the sealing key, and so ROOT_KEY, is another. */
export function openPrivateKey(sealingKey: Buffer, { kid, sealed_private_key }: KeyMaterial): KeyObject {
  try {
    return createPrivateKey(unseal(sealingKey, sealed_private_key, kid));
  } catch (error) {
    throw new StartError(
      `ROOT_KEY is not the one that the signing key ${kid} is kept under. Set that one, or make a new key: npm run cli -- keys rotate --now`,
      { cause: error },
    );
  }
}
