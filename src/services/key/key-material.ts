import { createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { calculateJwkThumbprint, type JWK } from 'jose';
import type { KeyPairAlgorithm } from '../../../config/index.js';
import { StartError } from '../../errors/start-error.js';
import type { DerivedKeys } from '../../lib/derived-key.js';
import { seal, unsealWithAny } from '../../lib/sealed.js';

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

/** Opens the private half. Throws StartError where it was sealed under another ROOT_KEY than the current and the previous one. */
export const openPrivateKey = (sealingKeys: DerivedKeys, material: KeyMaterial): KeyObject =>
  createPrivateKey(openSealed(sealingKeys, material));

/** Seals the private half under the current key. Returns undefined where it is already. Throws as `openPrivateKey` does. */
export function reseal(sealingKeys: DerivedKeys, material: KeyMaterial): string | undefined {
  const { current } = sealingKeys;
  try {
    openSealed({ current, all: [current] }, material);
    return undefined;
  } catch {
    return seal(current, openSealed(sealingKeys, material), material.kid);
  }
}

function openSealed(sealingKeys: DerivedKeys, { kid, sealed_private_key }: KeyMaterial): string {
  try {
    return unsealWithAny(sealingKeys, sealed_private_key, kid);
  } catch (error) {
    throw new StartError(
      `ROOT_KEY is not the one that the signing key ${kid} is kept under. Set that one, or make a new key: npm run -s cli -- keys rotate --now`,
      { cause: error },
    );
  }
}
