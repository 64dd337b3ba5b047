import type { Command } from 'commander';

/** `serve`: the same as `npm start`. */
export function addServe(program: Command): void {
  program
    .command('serve')
    .description('start the service, as npm start does')
    .action(async () => (await import('../serve.js')).serve());
}
