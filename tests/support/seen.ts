/** Tells what a test has seen beside what it expected; shown where SEEN is set. */
export function seen(text: string): void {
  if (process.env['SEEN'] !== undefined) process.stderr.write(`${text}\n`);
}
