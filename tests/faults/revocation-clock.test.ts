import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { movableClock } from '../../src/lib/clock.js';
import { createTestAuth, type TestAuth, type TestSession, type TestUser } from '../../src/testing.js';
import { sharedSettings } from '../support/service-process.js';
import { openTarget, targets, type TestTarget } from '../support/test-database.js';
import { CLIENT } from '../support/client.js';
import { OPERATOR } from '../../src/lib/actor.js';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
/** Shorter than the life of an access token, which is half an hour by default. */
const STEP = 20 * MINUTE;
const START = Date.UTC(2026, 5, 1, 12);

describe.each(targets.filter((kind) => kind !== 'SQLite in memory'))('what was revoked, on %s,', (kind) => {
  let target: TestTarget;
  let settings: Readonly<Record<string, string>>;
  let auth: TestAuth;
  let clock: ReturnType<typeof movableClock>;
  let user: TestUser;
  /** The service with its clock at so many seconds after the start. */
  const start = async (seconds: number): Promise<void> => {
    clock = movableClock(START + seconds * 1000);
    auth = await createTestAuth(settings, { clock });
  };
  /** Ends it, and starts it again with its clock off by so many seconds. */
  const restart = async (off: number): Promise<void> => {
    const seconds = (clock.now() - START) / 1000 + off;
    await auth.close();
    await start(seconds);
  };
  /** Sets the clock forth or back: no time passes. */
  const jump = (seconds: number): void => {
    clock.set(new Date(clock.now() + seconds * 1000));
  };
  beforeEach(async () => {
    target = await openTarget(kind);
    settings = sharedSettings(target.url);
    await start(0);
    user = await auth.createUser();
  });
  afterEach(async () => {
    await auth.close();
    await target.drop();
  });

  const end = ({ id }: TestSession): Promise<void> => auth.services.sessions.end(user.id, id, { reason: 'log_out', by: OPERATOR });
  const codeOf = (asking: Promise<unknown>): Promise<unknown> =>
    asking.then(
      () => 'taken',
      (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
    );
  const access = ({ accessToken }: TestSession) => codeOf(auth.services.sessions.authenticate(accessToken));
  const refresh = ({ refreshToken }: TestSession) => codeOf(auth.services.sessions.refresh(refreshToken, CLIENT));
  /** Lets time pass in which others come and log out, as it is then that the index learns and forgets. */
  const pass = async (seconds: number, each: () => Promise<void> = () => Promise.resolve()): Promise<void> => {
    for (let passed = 0; passed < seconds; passed += STEP) {
      clock.advance(STEP);
      const another = await auth.session(user);
      expect(await access(another)).toBe('taken');
      await end(another);
      await each();
    }
  };

  /** What happens around a log-out, as far as clocks go. The session is opened first; the last step ends with its clock right. */
  interface Story {
    readonly name: string;
    readonly before?: () => Promise<void> | void;
    readonly after: () => Promise<void> | void;
  }
  const stories: readonly Story[] = [
    { name: 'nothing', after: () => undefined },
    { name: 'a restart', after: () => restart(0) },
    {
      name: 'a clock set forth an hour after it, and back again',
      after: async () => {
        jump(HOUR);
        await pass(STEP);
        jump(-HOUR);
      },
    },
    {
      name: 'a clock set back an hour after it',
      after: () => {
        jump(-HOUR);
      },
    },
    {
      name: 'a clock set forth an hour before it, and back again',
      before: () => {
        jump(HOUR);
      },
      after: () => {
        jump(-HOUR);
      },
    },
    {
      name: 'a clock set back an hour before it',
      before: () => {
        jump(-HOUR);
      },
      after: () => undefined,
    },
    {
      name: 'a clock set back an hour before it, and forth again',
      before: () => {
        jump(-HOUR);
      },
      after: () => {
        jump(HOUR);
      },
    },
    { name: 'a restart with a clock an hour back', after: () => restart(-HOUR) },
    {
      name: 'a restart with a clock an hour forth, which is then set right',
      after: async () => {
        await restart(HOUR);
        await pass(STEP);
        jump(-HOUR);
      },
    },
    {
      name: 'a clock set back an hour before it, and a restart',
      before: () => {
        jump(-HOUR);
      },
      after: () => restart(0),
    },
    {
      name: 'a clock set back an hour before it, and a restart with the right one',
      before: () => {
        jump(-HOUR);
      },
      after: () => restart(HOUR),
    },
    {
      name: 'a clock set forth an hour before it, and a restart with the right one',
      before: () => {
        jump(HOUR);
      },
      after: () => restart(-HOUR),
    },
  ];

  test.each(stories)('is refused for as long as its token is in its time: with $name', async ({ before, after }) => {
    const [revoked, control] = [await auth.session(user), await auth.session(user)];
    await before?.();
    await end(revoked);
    await after();
    const seen: unknown[] = [];
    const look = async (): Promise<void> => {
      seen.push(await access(control));
      expect(await access(revoked)).toBe('invalid_token');
      expect(await refresh(revoked)).toBe('session_revoked');
    };
    await look();
    await pass(2 * HOUR, look);
    // It was in its time for a while, and then no more.
    expect(seen).toContain('taken');
    expect(seen.at(-1)).toBe('invalid_token');
  });

  test.each([
    ['forth', HOUR],
    ['back', -HOUR],
  ])('of a session opened while the clock was an hour %s, too', async (_, off) => {
    jump(off);
    const [revoked, control] = [await auth.session(user), await auth.session(user)];
    jump(-off);
    await end(revoked);
    const seen: unknown[] = [];
    await pass(2 * HOUR, async () => {
      seen.push(await access(control));
      expect(await access(revoked)).toBe('invalid_token');
    });
    if (off > 0) expect(seen).toContain('taken');
  });
});
