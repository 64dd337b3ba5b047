import { numbersOf } from './processes.js';
import { list, median, type Row } from './report.js';

const PROCESSES = 3;
const USERS = 1000;

/** The first boot of a process, and three later ones. */
const BOOTS = `
const { createTestAuth } = await import('lingomate-auth/testing');
const times = [];
for (let boot = 0; boot < 4; boot += 1) {
  const begun = performance.now();
  const auth = await createTestAuth();
  times.push(performance.now() - begun);
  await auth.close();
}
console.log(JSON.stringify(times));
`;
const CREATE_USERS = `
const { createTestAuth } = await import('lingomate-auth/testing');
const auth = await createTestAuth();
const begun = performance.now();
await auth.createUsers(${USERS});
const time = performance.now() - begun;
await auth.close();
console.log(JSON.stringify([time]));
`;

async function inFreshProcesses(script: string): Promise<number[][]> {
  const times: number[][] = [];
  for (let count = 0; count < PROCESSES; count += 1) times.push(await numbersOf(script));
  return times;
}

/** What a suite that uses `lingomate-auth/testing` waits for. */
export async function measureTesting(): Promise<Row[]> {
  const boots = await inFreshProcesses(BOOTS);
  const first = boots.flatMap((times) => times.slice(0, 1));
  const later = boots.flatMap((times) => times.slice(1));
  const users = (await inFreshProcesses(CREATE_USERS)).flat();
  const boot = { unit: 'ms', target: { than: 'below', limit: 200 } } as const;
  return [
    { what: 'createTestAuth(), first in its process', value: median(first), ...boot, figures: `ms: ${list(first)}`, raw: { first } },
    { what: 'createTestAuth(), later', value: median(later), ...boot, figures: `ms: ${list(later)}`, raw: { later } },
    {
      what: `createUsers(${USERS})`,
      value: median(users),
      unit: 'ms',
      target: { than: 'below', limit: 2000 },
      figures: `ms: ${list(users)}`,
      raw: { users },
    },
  ];
}
