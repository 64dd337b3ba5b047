import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { TestAuth } from '../../src/testing.js';
import { member } from './answers.js';
import { type Answer, type ServiceProcess, type Tokens, tokensOf } from './service-process.js';

const PASSWORD = 'a password of my own';
/** Settings that the writers need beside a database and its keys. */
export const WRITERS_SETTINGS = { ROLES: JSON.stringify({ editor: ['editor'] }) } as const;

export type Service = Pick<ServiceProcess, 'me' | 'refresh' | 'send'>;
/** How often what an event of that type tells of is known to have been done. */
type Done = Readonly<Record<string, number>>;

/** Somebody who writes to a service that may go away at any moment, and remembers what it has acknowledged. */
interface Writer {
  /** One write; whether it was acknowledged. Throws at an answer other than that and 503. */
  write(service: Service): Promise<boolean>;
  /** Looks whether what was acknowledged since the last look holds, and what became of what was not. */
  check(service: Service): Promise<void>;
  readonly done?: () => Done;
}

/** Writers of every kind, at work at once. */
export interface Crew {
  /** Writes until one was left without an answer; calls `acknowledged` at each. */
  work(service: Service, acknowledged?: () => void): Promise<void>;
  /** That all that was acknowledged holds, and that what was not is there wholly or not at all. */
  check(service: Service): Promise<void>;
  /** Names that registered, each with an address `name@example.com`. */
  readonly registered: readonly string[];
  /** How many writes were acknowledged so far. */
  readonly acknowledged: () => number;
  /** That each change has its event, once, in a chain that is whole up to the head that was noted at the last call. */
  checkRecord(auth: TestAuth): Promise<void>;
}

/** The answer; undefined where there is none, or only that it could not be done now: then it is not known whether it was. */
async function attempt(sending: Promise<Answer>): Promise<Answer | undefined> {
  const answer = await sending.catch(() => undefined);
  return answer?.status === 503 ? undefined : answer;
}

const logIn = (service: Service, username: string, password = PASSWORD): Promise<Answer> =>
  service.send('POST', '/token', { body: { username, password } });
const register = (service: Service, username: string): Promise<Answer> =>
  service.send('POST', '/register', { body: { username, password: PASSWORD, email: `${username}@example.com` } });

/** That a session lives: its access token is taken, and its refresh token gives the next. */
async function continued(service: Service, { access, refresh }: Tokens): Promise<Tokens> {
  expect(await service.me(access)).toBe(200);
  return tokensOf(await service.refresh(refresh));
}

async function expectEnded(service: Service, { access, refresh }: Tokens): Promise<void> {
  expect(await service.me(access)).toBe(401);
  expect(await service.refresh(refresh)).toMatchObject({ status: 400, body: { code: 'session_revoked' } });
}

function createRegistrar(prefix: string, registered: string[]): Writer {
  let made = 0;
  let doubtful: string | undefined;
  let fresh: string[] = [];
  let done = 0;
  return {
    write: async (service) => {
      const username = `${prefix}-${made}`;
      made += 1;
      const answer = await attempt(register(service, username));
      if (answer === undefined) doubtful = username;
      else {
        expect(answer.status).toBe(201);
        fresh.push(username);
      }
      return answer !== undefined;
    },
    check: async (service) => {
      for (const username of fresh) expect((await logIn(service, username)).status).toBe(200);
      if (doubtful !== undefined) {
        const { status } = await logIn(service, doubtful);
        expect([200, 401]).toContain(status);
        expect((await register(service, doubtful)).status).toBe(status === 200 ? 409 : 201);
        fresh.push(doubtful);
      }
      done += fresh.length;
      registered.push(...fresh);
      fresh = [];
      doubtful = undefined;
    },
    done: () => ({ 'account.registered': done }),
  };
}

function createRefresher(first: Tokens): Writer {
  let newest = first;
  return {
    write: async (service) => {
      const answer = await attempt(service.refresh(newest.refresh));
      if (answer !== undefined) newest = tokensOf(answer);
      return answer !== undefined;
    },
    check: async (service) => {
      newest = await continued(service, newest);
    },
  };
}

/** Logs in, and out in one of two ways. */
function createLeaver(username: string): Writer {
  let open: Tokens | undefined;
  let doubtful: Tokens | undefined;
  let ended: Tokens[] = [];
  const earlier: Tokens[] = [];
  const leave = async (service: Service, session: Tokens): Promise<boolean> => {
    const answer = await attempt(
      ended.length % 2 === 0
        ? service.send('POST', '/logout', { bearer: session.access })
        : service.send('POST', '/revoke', { body: { token: session.refresh } }),
    );
    open = undefined;
    if (answer === undefined) doubtful = session;
    else {
      expect(answer.status).toBeLessThan(300);
      ended.push(session);
    }
    return answer !== undefined;
  };
  return {
    write: async (service) => {
      if (open !== undefined) return leave(service, open);
      const answer = await attempt(logIn(service, username));
      if (answer !== undefined) open = tokensOf(answer);
      return answer !== undefined;
    },
    check: async (service) => {
      if (open !== undefined) open = await continued(service, open);
      if (doubtful !== undefined) {
        if ((await service.me(doubtful.access)) === 200) await continued(service, doubtful);
        else await expectEnded(service, doubtful);
      }
      // Those of this time, and one of any time before.
      for (const session of [...ended, ...earlier.splice(Math.floor(Math.random() * earlier.length), 1)])
        await expectEnded(service, session);
      earlier.push(...ended);
      ended = [];
      doubtful = undefined;
    },
  };
}

/** Changes a password, which ends the other sessions. */
function createChanger(username: string, first: Tokens): Writer {
  let session = first;
  let other: Tokens | undefined;
  let current = PASSWORD;
  let doubtful: string | undefined;
  let changed = 0;
  let changedNow = 0;
  return {
    write: async (service) => {
      const next = `${PASSWORD}, changed ${changed + changedNow + 1} times`;
      const body = { current_password: current, new_password: next };
      const answer = await attempt(service.send('PUT', '/users/me/password', { bearer: session.access, body }));
      if (answer === undefined) doubtful = next;
      else {
        expect(answer.status).toBe(204);
        current = next;
        changedNow += 1;
      }
      return answer !== undefined;
    },
    check: async (service) => {
      let answer = await logIn(service, username, current);
      if (answer.status === 401 && doubtful !== undefined) {
        [current, changedNow] = [doubtful, changedNow + 1];
        answer = await logIn(service, username, current);
      }
      expect([username, answer]).toMatchObject([username, { status: 200 }]);
      const is = tokensOf(answer);
      // What it was before, and what it did not become, opens nothing.
      expect((await logIn(service, username, `${current} and more`)).status).toBe(401);
      if (other !== undefined && changedNow > 0) await expectEnded(service, other);
      session = await continued(service, session);
      other = is;
      doubtful = undefined;
      changed += changedNow;
      changedNow = 0;
    },
    done: () => ({ 'password.changed': changed }),
  };
}

/** Gives somebody a role and takes it away again. */
function createAdministrator(admin: Tokens, userId: number): Writer {
  const path = `/admin/users/${userId}`;
  let session = admin;
  let roles = ['user'];
  let doubtful: string[] | undefined;
  let done = 0;
  return {
    write: async (service) => {
      const next = roles.length === 1 ? ['user', 'editor'] : ['user'];
      const answer = await attempt(service.send('PATCH', path, { bearer: session.access, body: { roles: next } }));
      if (answer === undefined) doubtful = next;
      else {
        expect(answer.status).toBe(200);
        [roles, done] = [next, done + 1];
      }
      return answer !== undefined;
    },
    check: async (service) => {
      session = await continued(service, session);
      const { status, body } = await service.send('GET', path, { bearer: session.access });
      expect(status).toBe(200);
      const is: unknown = member(body, 'roles');
      if (doubtful !== undefined && JSON.stringify(is) === JSON.stringify(doubtful)) [roles, done] = [doubtful, done + 1];
      expect(is).toEqual(roles);
      doubtful = undefined;
    },
    done: () => ({ 'account.roles_changed': done }),
  };
}

/** Two of each kind, with accounts of their own. `auth` is on the same database as the service. */
export async function createCrew(auth: TestAuth, service: Service): Promise<Crew> {
  const account = async (username: string, roles?: string[]): Promise<{ id: number; tokens: Tokens }> => {
    const { id } = await auth.createUser({ username, password: PASSWORD, ...(roles && { roles }) });
    return { id, tokens: tokensOf(await logIn(service, username)) };
  };
  const registered: string[] = [];
  const writers: Writer[] = [];
  const administrator = await account('administrator', ['user', 'admin']);
  for (const nth of ['first', 'second']) {
    await account(`leaver-${nth}`);
    writers.push(
      createRegistrar(nth, registered),
      createRefresher((await account(`refresher-${nth}`)).tokens),
      createLeaver(`leaver-${nth}`),
      createChanger(`changer-${nth}`, (await account(`changer-${nth}`)).tokens),
    );
  }
  writers.push(createAdministrator(administrator.tokens, (await account('demoted')).id));
  let acknowledged = 0;
  const before = await countEvents(auth);
  let head = await auth.services.audit.head();
  return {
    work: async (on, told = () => undefined) => {
      let stopped = false;
      await Promise.all(
        writers.map(async (writer) => {
          while (!stopped && (await writer.write(on))) {
            acknowledged += 1;
            told();
          }
          stopped = true;
        }),
      );
    },
    check: async (on) => {
      await Promise.all(writers.map((writer) => writer.check(on)));
    },
    registered,
    acknowledged: () => acknowledged,
    checkRecord: async (reader) => {
      const verification = await reader.services.audit.verify(head);
      expect(verification).toMatchObject({ intact: true, faults: [] });
      head = verification.head;
      const now = await countEvents(reader);
      for (const [type, times] of Object.entries(sumOf(writers)))
        expect([type, (now[type] ?? 0) - (before[type] ?? 0)]).toEqual([type, times]);
    },
  };
}

async function countEvents(auth: TestAuth): Promise<Done> {
  const counts: Record<string, number> = {};
  for await (const event of auth.services.audit.everything({})) counts[event.type] = (counts[event.type] ?? 0) + 1;
  return counts;
}

function sumOf(writers: readonly Writer[]): Done {
  const sums: Record<string, number> = {};
  for (const { done } of writers) for (const [type, times] of Object.entries(done?.() ?? {})) sums[type] = (sums[type] ?? 0) + times;
  return sums;
}

/** Writes after which it may die, and milliseconds after the last of them. */
const MOST_WRITES = 30;
const LATEST_MS = 10;

/** Has them write until `kill` ends what they write to, at a moment that is drawn by lot. */
export async function killAmidWrites(crew: Crew, service: Service, kill: () => Promise<void>): Promise<void> {
  let left = randomInt(1, MOST_WRITES);
  let work = Promise.resolve();
  await new Promise<void>((due) => {
    work = crew.work(service, () => {
      left -= 1;
      if (left === 0) due();
    });
    // Where one of them was refused before.
    work.finally(due).catch(() => undefined);
  });
  await sleep(randomInt(0, LATEST_MS));
  await kill();
  await work;
}
