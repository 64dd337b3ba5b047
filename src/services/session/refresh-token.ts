import { createHmac, timingSafeEqual } from 'node:crypto';
import { deriveKeys, type RootKeys } from '../../lib/derived-key.js';
import { isUuid } from '../../lib/uuid.js';

/** Session id, counter, HMAC-SHA256 in base64url. */
const FORM = /^([0-9a-f-]{36})\.([1-9]\d{0,8})\.[A-Za-z0-9_-]{43}$/;

/** Which refresh token of which session. */
export interface RefreshTokenParts {
  readonly sessionId: string;
  readonly counter: number;
}

/**
 * Refresh tokens that are computed, never stored: `session id . counter . HMAC` under a key that is made of ROOT_KEY.
 * Who reads the database has none of them, and a lost one can be computed again.
 */
export interface RefreshTokens {
  write(parts: RefreshTokenParts): string;
  /** What a token says, where it is one of ours to the letter; undefined for anything else. */
  read(token: string): RefreshTokenParts | undefined;
}

export function createRefreshTokens(rootKeys: RootKeys): RefreshTokens {
  const keys = deriveKeys(rootKeys, 'refresh token');
  const writeWith = (key: Buffer, { sessionId, counter }: RefreshTokenParts): string => {
    const text = `${sessionId}.${counter}`;
    return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
  };
  return {
    write: (parts) => writeWith(keys.current, parts),
    read: (token) => {
      const [, sessionId, digits] = FORM.exec(token) ?? [];
      if (sessionId === undefined || digits === undefined || !isUuid(sessionId)) return undefined;
      const parts = { sessionId, counter: Number(digits) };
      // As text, so that a signature has one spelling.
      const isOurs = keys.all.some((key) => timingSafeEqual(Buffer.from(token), Buffer.from(writeWith(key, parts))));
      return isOurs ? parts : undefined;
    },
  };
}
