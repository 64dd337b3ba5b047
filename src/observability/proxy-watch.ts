import type { IncomingHttpHeaders } from 'node:http';
import type { Clock } from '../lib/clock.js';
import type { Logger } from './logger.js';

/** By which proxies say for whom they ask (RFC 7239, and what was there before it). */
const FORWARDED = ['x-forwarded-for', 'forwarded', 'x-real-ip'] as const;
/** For so long after the last such request the warning stands. */
const REMEMBERED_MS = 24 * 60 * 60 * 1000;

/** Said in the log, in readiness and by `doctor`. */
export const UNTRUSTED_PROXY =
  'Requests come with X-Forwarded-For, and TRUST_PROXY is 0: if a proxy is in front, all its clients count as one. Set TRUST_PROXY to how many proxies there are; if none is, ignore this';

/**
 * Notices a proxy that nobody has told the service of: all its clients would share one address, and so one count. Nothing
 * is believed of what such a header says.
 */
export interface ProxyWatch {
  look(headers: IncomingHttpHeaders, peer: string | undefined): void;
  /** Whether such requests have come of late. */
  warns(): boolean;
}

interface Parts {
  readonly trustedProxies: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createProxyWatch({ trustedProxies, clock, logger }: Parts): ProxyWatch {
  if (trustedProxies > 0) return { look: () => undefined, warns: () => false };
  let seenAt = Number.NEGATIVE_INFINITY;
  const warns = (): boolean => clock.elapsed() - seenAt < REMEMBERED_MS;
  return {
    warns,
    look: (headers, peer) => {
      if (FORWARDED.every((name) => headers[name] === undefined)) return;
      if (!warns()) logger.warn({ peer }, UNTRUSTED_PROXY);
      seenAt = clock.elapsed();
    },
  };
}
