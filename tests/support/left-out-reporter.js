/** Suites that `npm test` leaves to others, with the command of each. */
const LEFT_OUT = [
  ['the command line, processes that meet or are killed, parts that fail, files that are put back', 'npm run faults'],
  ['every attack, those of hydra, sqlmap, slowhttptest and ffuf among them', 'npm run attack'],
  ['the same suites on PostgreSQL', 'npm run test:postgres'],
  ['the packed tarball in a fresh project', 'npm run test:package'],
  ['the documentation page and an app’s tabs in a browser', 'npm run test:browser'],
];

/** Says at the end what was not run here, so that nobody takes silence for a pass. */
export default class LeftOutReporter {
  onRunComplete() {
    if (process.env.LEFT_OUT === 'silent') return;
    const rows = LEFT_OUT.map(([what, command]) => `  ${what}: ${command}`);
    process.stderr.write(`Left to other commands:\n${rows.join('\n')}\n`);
  }
}
