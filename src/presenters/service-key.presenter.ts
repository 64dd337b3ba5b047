import type { MadeServiceKey } from '../services/service-key.service.js';

/** A service key as administrators see it: never the key, nor its hash. */
export interface ServiceKeyShape {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly last_used_at: string | null;
  readonly revoked_at: string | null;
}

/** The same with the key, in the one response that shows it. */
export interface MadeServiceKeyShape extends ServiceKeyShape {
  readonly key: string;
}

type Row = MadeServiceKey['row'];

const timeOf = (time: Date | null): string | null => time?.toISOString() ?? null;

export const presentServiceKey = ({ id, name, scopes, created_at, expires_at, last_used_at, revoked_at }: Row): ServiceKeyShape => ({
  id,
  name,
  scopes,
  created_at: created_at.toISOString(),
  expires_at: timeOf(expires_at),
  last_used_at: timeOf(last_used_at),
  revoked_at: timeOf(revoked_at),
});

export const presentMadeServiceKey = ({ row, key }: MadeServiceKey): MadeServiceKeyShape => ({ ...presentServiceKey(row), key });
