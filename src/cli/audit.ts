import { type Command, InvalidArgumentError } from 'commander';
import type { Services } from '../container.js';
import { OPERATOR } from '../lib/actor.js';
import { readTime } from '../lib/iso-time.js';
import { presentAuditEvent } from '../presenters/audit.presenter.js';
import type { AuditFilter } from '../services/audit/audit.service.js';
import { JSON_OPTION, type OutputOptions, printJson, printLine, printLines } from './output.js';
import { withContainer } from './with-container.js';

interface Verifying extends OutputOptions {
  readonly head?: string;
}

type Period = Pick<AuditFilter, 'since' | 'until'>;

/** `audit`: what has happened, and whether the record of it was touched. */
export function addAudit(program: Command): void {
  const audit = program.command('audit').description('what has happened, and whether the record of it was touched');
  audit
    .command('verify')
    .description('find every event that was changed, removed or inserted; exits with 1 if there is one')
    .option('--head <head>', 'a head that was noted before: finds a tail that was cut off, too')
    .option(...JSON_OPTION)
    .action((options: Verifying) => withContainer(({ services }) => verify(services, options)));
  audit
    .command('head')
    .description('the last event’s number and code, to be noted elsewhere')
    .action(() =>
      withContainer(async ({ services }) => {
        printLine(await services.audit.head());
      }),
    );
  audit
    .command('export')
    .description('events as JSON, one a line, oldest first')
    .option('--since <time>', 'from that day or time on', readTimeOption)
    .option('--until <time>', 'before that day or time', readTimeOption)
    .action((period: Period) => withContainer(({ services }) => exportEvents(services, period)));
}

function readTimeOption(text: string): Date {
  const time = readTime(text);
  if (time === undefined) throw new InvalidArgumentError('It is a day, or a time with its zone, in ISO 8601.');
  return time;
}

async function verify({ audit }: Services, { head, json }: Verifying): Promise<void> {
  const verification = await audit.verify(head);
  if (json) {
    printJson(verification);
  } else {
    for (const { seq, what } of verification.faults) printLine(seq === null ? what : `event ${seq} ${what}`);
    printLine(`${verification.checked} events, ${verification.intact ? 'intact' : 'not intact'}`);
    printLine(`head ${verification.head}`);
  }
  if (!verification.intact) process.exitCode = 1;
}

async function exportEvents({ audit }: Services, { since, until }: Period): Promise<void> {
  const details = { since: since?.toISOString() ?? null, until: until?.toISOString() ?? null };
  // Told before the first is handed out, so that it is told of an export that breaks off, too.
  await audit.recordNow({ type: 'audit.exported', by: OPERATOR, details });
  await printLines(lines(audit.everything({ ...(since && { since }), ...(until && { until }) })));
}

async function* lines(events: ReturnType<Services['audit']['everything']>): AsyncIterable<string> {
  for await (const event of events) yield JSON.stringify(presentAuditEvent(event));
}
