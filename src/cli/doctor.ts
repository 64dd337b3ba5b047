import type { Command } from 'commander';
import type { Finding } from './checks/finding.js';
import { JSON_OPTION, type OutputOptions, printJson, printList } from './output.js';

/** `doctor`: looks at everything that a start needs, and changes nothing. */
export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check settings, database, clock, keys and disk, and change nothing; exits with 1 if a check failed')
    .option(...JSON_OPTION)
    .action(async ({ json }: OutputOptions) => {
      const { examine } = await import('./checks/examination.js');
      const findings = await examine();
      const statuses = findings.map(({ status }) => status);
      const worst = (['fail', 'warn'] as const).find((status) => statuses.includes(status)) ?? 'ok';
      if (json) printJson({ status: worst, checks: findings });
      else printList(findings.map(toRow), ['status', 'check', 'detail'], {});
      if (worst === 'fail') process.exitCode = 1;
    });
}

const toRow = ({ status, check, detail }: Finding) => ({ status, check, detail });
