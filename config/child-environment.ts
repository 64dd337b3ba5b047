/** What a program of PostgreSQL's needs to find itself, its libraries and its certificates. */
const PASSED_ON = ['PATH', 'HOME', 'TMPDIR', 'SYSTEMROOT', 'USERPROFILE', 'APPDATA', 'TEMP', 'PGSSLROOTCERT', 'PGSSLCERT', 'PGSSLKEY'];

/** The environment of a program that we run: what it needs of ours, and none of our secrets. It speaks English. */
export function childEnvironment(): Record<string, string> {
  const passed = PASSED_ON.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(passed), LC_ALL: 'C' };
}
