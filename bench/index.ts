import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { closeConnections } from './client.js';
import { measureImport } from './import.js';
import { measureLatency } from './latency.js';
import { measureLogIn } from './log-in.js';
import { isMet, type Row, show, table } from './report.js';
import { measureSessions } from './sessions.js';
import { measureStart } from './start.js';
import { measureTesting } from './testing.js';
import { measureUsers } from './users.js';
import { measureVerify } from './verify.js';

// One after the other, so that none is measured under the load of another.
const MEASUREMENTS = Object.entries({
  verify: measureVerify,
  sessions: measureSessions,
  'log-in': measureLogIn,
  latency: measureLatency,
  import: measureImport,
  start: measureStart,
  testing: measureTesting,
  users: measureUsers,
});

const { values } = parseArgs({ options: { json: { type: 'string' }, only: { type: 'string' } } });
const machine = {
  node: process.version,
  cores: availableParallelism(),
  processor: cpus()[0]?.model ?? 'unknown',
  load: loadavg()[0] ?? NaN,
};
const rows: Row[] = [];
for (const [name, measure] of MEASUREMENTS) if ((values.only ?? name) === name) rows.push(...(await measure()));
if (rows.length === 0) throw new Error(`--only takes one of: ${MEASUREMENTS.map(([name]) => name).join(', ')}`);
closeConnections();

const missed = rows.filter((row) => !isMet(row)).length;
process.stdout.write(
  `Node ${machine.node}, ${machine.cores} cores (${machine.processor}), load ${show(machine.load)} before\n\n${table(rows)}\n\n` +
    `${missed === 0 ? 'Every target is met' : `${missed} missed`}. Ratios are medians over rounds that take turns.\n`,
);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ machine, rows }, null, 2)}\n`);
