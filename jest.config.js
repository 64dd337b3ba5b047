/** @type {import('jest').Config} */
export default {
  testMatch: ['<rootDir>/tests/**/*.test.ts'],
  // Each has a command of its own, which the reporter names: they need a server, a browser, a registry, other programs, or minutes.
  testPathIgnorePatterns: [
    '/node_modules/',
    ...['package', 'browser', 'postgres', 'faults', 'cli', 'attacks'].map((name) => `<rootDir>/tests/${name}/`),
  ],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.tmp/'],
  globalSetup: '<rootDir>/tests/support/build.js',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: { '^.+\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' } }] },
  // Jest would leave one core idle.
  maxWorkers: '100%',
  // Whether something happens is asserted, not how soon: a machine may be busy.
  testTimeout: 60_000,
  reporters: ['default', '<rootDir>/tests/support/left-out-reporter.js'],
};
