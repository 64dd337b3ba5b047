import type { Express } from 'express';
import { loadConfig, readEnvironment, type SettingsInput } from '../config/index.js';
import { buildApp } from './app.js';
import { type Container, createContainer as containerOf, type Overrides } from './container.js';

/** An Express app to mount, or to hand to supertest. */
export type AuthApp = Express & {
  /** Migrates the database now rather than at the first request. Throws StartError. */
  start(): Promise<void>;
  /** Ends its threads and connections. */
  close(): Promise<void>;
};

/**
 * The parts of one instance of the service, without HTTP. Settings given here stand before those of the environment and
 * of `.env`. Throws ConfigError with every faulty setting.
 */
export function createContainer(settings: SettingsInput = {}, overrides: Partial<Overrides> = {}): Container {
  return containerOf(loadConfig({ ...readEnvironment(), ...settings }), overrides);
}

/**
 * The service as an Express app, which works under any prefix and before or after `express.json()`. It migrates its
 * database before its first answer. Throws ConfigError with every faulty setting.
 */
export function createApp(settings: SettingsInput = {}, overrides: Partial<Overrides> = {}): AuthApp {
  const container = createContainer(settings, overrides);
  return Object.assign(buildApp(container), {
    start: () => container.start(),
    close: () => container.close(),
  });
}

export type { SettingsInput } from '../config/index.js';
export { ConfigError } from '../config/config-error.js';
export type { Container, Overrides, Services } from './container.js';
export { AppError } from './errors/app-error.js';
export { StartError } from './errors/start-error.js';
