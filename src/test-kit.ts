// Comes first: what it checks would otherwise fail in the middle of a dependency, with no word on what to do.
import './lib/require-node.js';
import type supertest from 'supertest';
import type { SettingsInput } from '../config/environment.js';
import type { Overrides, TestAuth as AnyTestAuth } from './public-types.js';
import { createTestAuth as createWhole } from './testing.js';

/** One isolated service in memory: its own database, clock, keys and threads. */
export type TestAuth = AnyTestAuth<ReturnType<typeof supertest.agent>>;

/**
 * Creates an isolated service for a test suite: in memory, with cheap hashes and a clock that tests move. No variable of the
 * environment reaches it, and nothing is limited but in production. `settings` stand before its own, by their names in the environment.
 */
export const createTestAuth = (settings: SettingsInput = {}, overrides: Partial<Overrides> = {}): Promise<TestAuth> =>
  createWhole(settings, overrides);

export type { TestMail, TestSession, TestUser, TestUserInput } from './public-types.js';
