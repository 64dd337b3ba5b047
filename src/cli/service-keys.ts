import { type Command, InvalidArgumentError } from 'commander';
import { KEY_LIFETIME_DAYS, type ServiceKeyService } from '../services/service-key.service.js';
import { JSON_OPTION, type OutputOptions, printJson, printLine, printList, remark } from './output.js';
import { withContainer } from './with-container.js';

type ServiceKey = Awaited<ReturnType<ServiceKeyService['list']>>[number];

interface NewKey extends OutputOptions {
  readonly name: string;
  readonly scope: readonly string[];
  readonly expiresInDays: number;
}

/** `service-keys`: the keys by which other services call this one. */
export function addServiceKeys(program: Command): void {
  const serviceKeys = program.command('service-keys').description('keys by which other services call this one');
  serviceKeys
    .command('create')
    .description('make a key; it is shown this once')
    .requiredOption('--name <name>', 'whose it is')
    .requiredOption('--scope <scope>', 'what it is good for: introspect (repeatable)', addTo)
    .option('--expires-in-days <days>', `1 to ${KEY_LIFETIME_DAYS.most}`, readDays, KEY_LIFETIME_DAYS.usual)
    .option(...JSON_OPTION)
    .action(({ name, scope, expiresInDays, json }: NewKey) =>
      withContainer(async ({ services }) => {
        const { id, key, expiresAt } = await services.serviceKeys.create({ name, scopes: scope, lifetimeDays: expiresInDays });
        if (json) printJson({ id, key, expires_at: expiresAt });
        else printLine(key);
        remark(`This is the only time that the key of ${id} is shown. It expires at ${expiresAt.toISOString()}.`);
      }),
    );
  serviceKeys
    .command('list')
    .description('every key, revoked and expired ones too, oldest first')
    .option(...JSON_OPTION)
    .action((options: OutputOptions) =>
      withContainer(async ({ services }) => {
        const rows = (await services.serviceKeys.list()).map(toRow);
        printList(rows, ['id', 'name', 'scopes', 'created_at', 'expires_at', 'last_used_at', 'revoked_at'], options);
      }),
    );
  serviceKeys
    .command('revoke')
    .description('refuse a key from now on')
    .argument('<id>')
    .action((id: string) =>
      withContainer(async ({ services }) => {
        await services.serviceKeys.revoke(id);
        printLine(`Revoked ${id}`);
      }),
    );
}

function readDays(text: string): number {
  const days = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (days < 1 || days > KEY_LIFETIME_DAYS.most) throw new InvalidArgumentError(`It must be 1 to ${KEY_LIFETIME_DAYS.most}.`);
  return days;
}

const addTo = (scope: string, before: readonly string[] | undefined): string[] => [...(before ?? []), scope];

const toRow = ({ id, name, scopes, created_at, expires_at, last_used_at, revoked_at }: ServiceKey) => ({
  id,
  name,
  scopes,
  created_at,
  expires_at: expires_at ?? 'never',
  last_used_at,
  revoked_at,
});
