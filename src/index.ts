import type { Express } from 'express';
import { loadConfig, readEnvironment, type SettingsInput } from '../config/index.js';
import { buildApp } from './app.js';
import { type Container, createContainer as containerOf, type Overrides } from './container.js';
import { ownVerifier, type Verifier } from './resource-server/verifier.js';

/** An Express app to mount, or to hand to supertest. */
export type AuthApp = Express & {
  /** Migrates the database now rather than at the first request. Throws StartError. */
  start(): Promise<void>;
  /** Ends its threads and connections. */
  close(): Promise<void>;
  /** For `requireAuth` on routes of your own beside it: what is revoked is refused at once. */
  readonly verifier: Verifier;
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
  const start = (): Promise<void> => container.start();
  const { config, services } = container;
  return Object.assign(buildApp(container), {
    start,
    close: () => container.close(),
    verifier: ownVerifier({ issuer: config.token.issuer, sessions: services.sessions, start }),
  });
}

export type { SettingsInput } from '../config/index.js';
export { ConfigError } from '../config/config-error.js';
export type { Container, Overrides, Services } from './container.js';
export { AppError } from './errors/app-error.js';
export { StartError } from './errors/start-error.js';
export { createVerifier, requireAuth } from './resource-server/index.js';
export type {
  AccessTokenClaims,
  AuthHandler,
  AuthLocals,
  RequireAuthOptions,
  Verifier,
  VerifierSettings,
} from './resource-server/index.js';
