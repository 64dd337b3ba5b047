import type { Command } from 'commander';
import type { Container } from '../container.js';
import { AppError } from '../errors/app-error.js';
import { OPERATOR } from '../lib/actor.js';
import { ADMIN } from '../lib/roles.js';
import { JSON_OPTION, type OutputOptions, printJson, printLine, remark } from './output.js';
import { askHidden, readPiped } from './read-secret.js';
import { withContainer } from './with-container.js';

interface NewAdmin extends OutputOptions {
  readonly email?: string;
  readonly passwordStdin?: boolean;
  readonly invite?: boolean;
}

/** `admin`: who administers. The first one is made here, as nobody else could. */
export function addAdmin(program: Command): void {
  const admin = program.command('admin').description('who administers');
  const create = admin
    .command('create')
    .description('make an administrator; asks for the password, unless told otherwise')
    .argument('<username>')
    .option('--email <address>', 'their e-mail address, which is sent a link to verify it')
    .option('--password-stdin', 'read the password from stdin')
    .option('--invite', 'set no password: print a link by which they set their own')
    .option(...JSON_OPTION)
    .action((username: string, asked: NewAdmin) => {
      if (asked.passwordStdin && asked.invite) return create.error('error: --password-stdin or --invite, not both');
      if (!asked.passwordStdin && !asked.invite && !process.stdin.isTTY) {
        return create.error('error: there is no terminal to ask at: use --password-stdin or --invite');
      }
      return withContainer((container) => (asked.invite ? invite(container, username, asked) : add(container, username, asked)));
    });
  admin
    .command('grant')
    .description('make a user an administrator, from their next request on')
    .argument('<username>')
    .action((username: string) => withContainer((container) => setAdmin(container, username, true)));
  admin
    .command('withdraw')
    .description('make an administrator a user like others, from their next request on')
    .argument('<username>')
    .action((username: string) => withContainer((container) => setAdmin(container, username, false)));
}

async function add({ services, config }: Container, username: string, { email, passwordStdin, json }: NewAdmin): Promise<void> {
  const { checker } = await import('../middleware/validate.js');
  const { registerBody } = await import('../validators/user.validator.js');
  const { newAccountBody } = await import('../validators/admin.validator.js');
  const account = { username, ...(email === undefined ? {} : { email }) };
  // Before the password is typed, twice.
  checker(newAccountBody)(account);
  await services.users.assertUsernameFree(username);
  const password = passwordStdin ? await readPiped() : await askTwice();
  const registration = checker(registerBody(config.password.minLength))({ ...account, password });
  const user = await services.users.add(registration, OPERATOR);
  await services.admin.change(user.id, { roles: [...user.roles, ADMIN] }, OPERATOR);
  if (json) printJson({ id: user.id, username });
  else printLine(`Made ${username} an administrator (id ${user.id})`);
}

async function askTwice(): Promise<string> {
  const password = await askHidden('Password: ');
  if ((await askHidden('Once more: ')) === password) return password;
  throw new AppError('validation_failed', { details: { detail: 'The two passwords differ. Run the command again' } });
}

async function invite({ services }: Container, username: string, { email, json }: NewAdmin): Promise<void> {
  const { checker } = await import('../middleware/validate.js');
  const { newAccountBody } = await import('../validators/admin.validator.js');
  const account = checker(newAccountBody)({ username, roles: ['user', ADMIN], ...(email === undefined ? {} : { email }) });
  const { user, invitation } = await services.admin.create(account, OPERATOR);
  if (invitation === undefined) {
    if (json) printJson({ id: user.id, username });
    else printLine(`Invited ${username} (id ${user.id}) by mail`);
    return;
  }
  const { link } = invitation;
  if (json) printJson({ id: user.id, username, link, token: invitation.token, expires_at: invitation.expiresAt.toISOString() });
  else printLine(link);
  remark(`Hand it to ${username}: it sets their password once, until ${invitation.expiresAt.toISOString()}.`);
}

async function setAdmin({ services }: Container, name: string, to: boolean): Promise<void> {
  const { id, username, roles } = await services.users.findByName(name);
  await services.admin.change(id, { roles: to ? [...roles, ADMIN] : roles.filter((role) => role !== ADMIN) }, OPERATOR);
  printLine(to ? `${username} is an administrator` : `${username} is no administrator`);
}
