import { AppError } from '../errors/app-error.js';
import type { Clock } from '../lib/clock.js';
import { CLOCK_DOUBT_MS, createRevocationIndex, type RevokedSession } from '../services/session/revocation-index.js';

/** How old what was read may be when a token is accepted; an answer that takes longer would come too late to count. */
const MOST_AGE_MS = 1000;
const PAGE = 100;

/** Which access tokens the service has revoked, as `GET /revocations` tells. */
export interface RevocationFeed {
  /**
   * Whether access tokens of that session and refresh counter, issued then (`iat`), are refused, as the service knew no more than a second ago:
   * what is older is read anew first. Throws `unavailable` where that can't be.
   */
  refuses(sessionId: string, counter: number, issuedAt: number): Promise<boolean>;
}

interface Parts {
  readonly uri: URL;
  readonly serviceKey: string;
  readonly clock: Clock;
}

/** Follows the feed whenever somebody asks, so there is no timer and nothing to close. */
export function createRevocationFeed({ uri, serviceKey, clock }: Parts): RevocationFeed {
  const index = createRevocationIndex(clock);
  let cursor: string | undefined;
  let readAt = -Infinity;
  let reading: Promise<void> | undefined;

  const isCurrent = (): boolean => clock.elapsed() - readAt <= MOST_AGE_MS;
  const readPage = async (): Promise<void> => {
    const begun = clock.elapsed();
    const { revoked, nextCursor } = await fetchPage(pageAfter(uri, cursor), serviceKey);
    const isFull = revoked.length >= PAGE;
    if (isFull && nextCursor === cursor) throw new Error('the feed of revocations does not go on');
    for (const one of revoked) index.add(one);
    cursor = nextCursor;
    if (isFull) await readPage();
    else readAt = begun;
  };
  const read = (): Promise<void> =>
    (reading ??= readPage().finally(() => {
      reading = undefined;
    }));
  const catchUp = async (): Promise<void> => {
    const joined = reading !== undefined;
    await read();
    // One that was under way may have begun too long ago.
    if (joined && !isCurrent()) await read();
    if (!isCurrent()) throw new Error('the feed of revocations came too late');
  };
  return {
    refuses: async (sessionId, counter, issuedAt) => {
      if (!isCurrent()) {
        await catchUp().catch((cause: unknown) => {
          throw new AppError('unavailable', { cause });
        });
      }
      return index.refuses(sessionId, counter, issuedAt);
    },
  };
}

function pageAfter(uri: URL, cursor: string | undefined): URL {
  const page = new URL(uri);
  page.searchParams.set('limit', String(PAGE));
  if (cursor !== undefined) page.searchParams.set('since', cursor);
  return page;
}

interface Page {
  readonly revoked: readonly RevokedSession[];
  readonly nextCursor: string;
}

async function fetchPage(page: URL, serviceKey: string): Promise<Page> {
  const response = await fetch(page, {
    headers: { Authorization: `Bearer ${serviceKey}`, Accept: 'application/json' },
    // The key is for this address alone.
    redirect: 'error',
    signal: AbortSignal.timeout(MOST_AGE_MS),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`the feed of revocations answers ${response.status}`);
  }
  const body: unknown = await response.json();
  if (!isFeed(body)) throw new Error('the feed of revocations is not of its shape');
  return { revoked: body.data.map(toRevoked), nextCursor: body.next_cursor };
}

interface Entry {
  readonly sid: string;
  readonly revoked_at: string;
  readonly expires_at: string;
  readonly through?: number;
}

const isFeed = (body: unknown): body is { data: Entry[]; next_cursor: string } =>
  typeof body === 'object' &&
  body !== null &&
  'data' in body &&
  Array.isArray(body.data) &&
  body.data.every(isEntry) &&
  'next_cursor' in body &&
  typeof body.next_cursor === 'string';

function isEntry(entry: unknown): entry is Entry {
  if (typeof entry !== 'object' || entry === null) return false;
  const { sid, revoked_at, expires_at, through }: Partial<Record<keyof Entry, unknown>> = entry;
  return (
    typeof sid === 'string' &&
    typeof revoked_at === 'string' &&
    typeof expires_at === 'string' &&
    Date.parse(expires_at) >= Date.parse(revoked_at) &&
    (through === undefined || Number.isSafeInteger(through))
  );
}

function toRevoked({ sid, revoked_at, expires_at, through }: Entry): RevokedSession {
  const revokedAt = Date.parse(revoked_at);
  return { sessionId: sid, through: through ?? null, revokedAt, holdMs: Date.parse(expires_at) - revokedAt + CLOCK_DOUBT_MS };
}
