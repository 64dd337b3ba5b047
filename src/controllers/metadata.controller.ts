import { presentMetadata } from '../presenters/metadata.presenter.js';
import type { PublicKey } from '../services/key/token-key.js';
import { ok, type Reply } from './reply.js';

/** Shorter than a new key is published before it signs, so that no cache on the way holds it back for too long. */
const KEYS_MAX_AGE_SECONDS = 30;

interface Parts {
  readonly keys: { publicKeys(): PublicKey[] };
  readonly settings: { readonly issuer: string; readonly publicUrl: string };
  readonly grantTypes: readonly string[];
}

export function createMetadataController({ keys, settings, grantTypes }: Parts) {
  const metadata = ok(presentMetadata(settings, grantTypes));
  return {
    keySet: (): Reply => ({ ...ok({ keys: keys.publicKeys() }), headers: { 'Cache-Control': `public, max-age=${KEYS_MAX_AGE_SECONDS}` } }),
    authorizationServer: (): Reply => metadata,
  };
}
export type MetadataController = ReturnType<typeof createMetadataController>;
