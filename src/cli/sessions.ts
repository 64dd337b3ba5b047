import { type Command, InvalidArgumentError } from 'commander';
import type { Services } from '../container.js';
import { OPERATOR } from '../lib/actor.js';
import type { Ending, NamedSession } from '../services/session/session.service.js';
import { JSON_OPTION, type OutputOptions, printLine, printList, remark } from './output.js';
import { withContainer } from './with-container.js';

/** How many are listed unless told, and at most. */
const USUAL_LIMIT = 50;
const MOST_LIMIT = 10_000;

const BY_OPERATOR: Ending = { reason: 'operator', by: OPERATOR };

interface Listing extends OutputOptions {
  readonly user?: string;
  readonly limit: number;
}

/** `sessions`: who is logged in, and ending that. */
export function addSessions(program: Command): void {
  const sessions = program.command('sessions').description('who is logged in');
  sessions
    .command('list')
    .description('live sessions, newest first')
    .option('--user <name>', 'those of one user')
    .option('--limit <number>', 'how many at most', readLimit, USUAL_LIMIT)
    .option(...JSON_OPTION)
    .action((listing: Listing) => withContainer(({ services }) => list(services, listing)));
  const revoke = sessions
    .command('revoke')
    .description('end a session, or all of a user; their access tokens are refused within a second')
    .argument('[id]')
    .option('--user <name>', 'all of that user')
    .action((id: string | undefined, { user }: { user?: string }) => {
      if (id !== undefined && user === undefined) return withContainer(({ services }) => revokeOne(services, id));
      if (id === undefined && user !== undefined) return withContainer(({ services }) => revokeAll(services, user));
      return revoke.error('error: name the session by its id, or a user with --user');
    });
}

function readLimit(text: string): number {
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > MOST_LIMIT) throw new InvalidArgumentError(`It may be 1 to ${MOST_LIMIT}.`);
  return limit;
}

async function list({ sessions, users }: Services, { user, limit, json }: Listing): Promise<void> {
  const userId = user === undefined ? undefined : (await users.findByName(user)).id;
  const read = await sessions.newest(limit + 1, userId);
  const columns = ['id', 'username', 'created_at', 'last_used_at', 'expires_at', 'ip', 'user_agent'] as const;
  printList(read.slice(0, limit).map(toRow), columns, { json: json ?? false });
  if (read.length > limit) remark(`There are more than ${limit}; see --limit.`);
}

async function revokeOne({ sessions }: Services, id: string): Promise<void> {
  await sessions.endById(id, BY_OPERATOR);
  printLine(`Ended session ${id}`);
}

async function revokeAll({ sessions, users }: Services, name: string): Promise<void> {
  const { id, username } = await users.findByName(name);
  printLine(`Ended sessions of ${username}: ${await sessions.endAllNow(id, BY_OPERATOR)}`);
}

const toRow = ({ session, username }: NamedSession) => ({
  id: session.id,
  username,
  created_at: session.created_at,
  last_used_at: session.last_used_at,
  expires_at: session.expires_at,
  ip: session.ip,
  user_agent: session.user_agent,
});
