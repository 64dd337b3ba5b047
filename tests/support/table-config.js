import { fileURLToPath } from 'node:url';
import base from '../../jest.config.js';

/**
 * Jest's settings for all suites of these folders of `tests/`, told as a table.
 * @param {readonly string[]} folders
 * @returns {import('jest').Config}
 */
export const tableOf = (...folders) => ({
  ...base,
  rootDir: fileURLToPath(new URL('../..', import.meta.url)),
  testMatch: folders.map((folder) => `<rootDir>/tests/${folder}/**/*.test.ts`),
  testPathIgnorePatterns: ['/node_modules/'],
  setupFilesAfterEnv: ['<rootDir>/tests/support/note-seen.ts'],
  reporters: ['<rootDir>/tests/support/table-reporter.js'],
});
