import type { Command } from 'commander';
import type { ServiceKeyService } from '../services/service-key.service.js';
import { JSON_OPTION, type OutputOptions, printJson, printLine, printList, remark } from './output.js';
import { withContainer } from './with-container.js';

type ServiceKey = Awaited<ReturnType<ServiceKeyService['list']>>[number];

interface NewKey extends OutputOptions {
  readonly name: string;
  readonly scope: readonly string[];
}

/** `service-keys`: the keys by which other services call this one. */
export function addServiceKeys(program: Command): void {
  const serviceKeys = program.command('service-keys').description('keys by which other services call this one');
  serviceKeys
    .command('create')
    .description('make a key; it is shown this once')
    .requiredOption('--name <name>', 'whose it is')
    .requiredOption('--scope <scope>', 'what it is good for: introspect (repeatable)', addTo)
    .option(...JSON_OPTION)
    .action(({ name, scope, json }: NewKey) =>
      withContainer(async ({ services }) => {
        const made = await services.serviceKeys.create({ name, scopes: scope });
        if (json) printJson(made);
        else printLine(made.key);
        remark(`This is the only time that the key of ${made.id} is shown.`);
      }),
    );
  serviceKeys
    .command('list')
    .description('every key, revoked ones too, oldest first')
    .option(...JSON_OPTION)
    .action((options: OutputOptions) =>
      withContainer(async ({ services }) => {
        const rows = (await services.serviceKeys.list()).map(toRow);
        printList(rows, ['id', 'name', 'scopes', 'created_at', 'last_used_at', 'revoked_at'], options);
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

const addTo = (scope: string, before: readonly string[] | undefined): string[] => [...(before ?? []), scope];

const toRow = ({ id, name, scopes, created_at, last_used_at, revoked_at }: ServiceKey) => ({
  id,
  name,
  scopes,
  created_at,
  last_used_at,
  revoked_at,
});
