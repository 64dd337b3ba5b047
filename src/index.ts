import type { SettingsInput } from '../config/environment.js';
import { loadConfig, readEnvironment } from '../config/index.js';
import { buildApp } from './app.js';
import { type Container as WholeContainer, createContainer as containerOf, type Overrides as AllOverrides } from './container.js';
import type { AuthApp, Container, Overrides } from './public-types.js';
import { ownVerifier } from './resource-server/verifier.js';

const wholeContainer = (settings: SettingsInput, overrides: Partial<AllOverrides>): WholeContainer =>
  containerOf(loadConfig({ ...readEnvironment(), ...settings }), overrides);

/**
 * Creates one instance of the service, without HTTP. Settings given here stand before those of the environment and
 * of `.env`. Throws ConfigError with every faulty setting.
 */
export function createContainer(settings: SettingsInput = {}, overrides: Partial<Overrides> = {}): Container {
  return wholeContainer(settings, overrides);
}

/**
 * Creates the service as an Express app, which works under any prefix and before or after `express.json()`. It migrates its
 * database before its first response. Throws ConfigError with every faulty setting.
 */
export function createApp(settings: SettingsInput = {}, overrides: Partial<Overrides> = {}): AuthApp {
  const container = wholeContainer(settings, overrides);
  const start = (): Promise<void> => container.start();
  const { config, services } = container;
  return Object.assign(buildApp(container), {
    start,
    close: () => container.close(),
    verifier: ownVerifier({ issuer: config.token.issuer, sessions: services.sessions, start }),
  });
}

export { ConfigError } from '../config/config-error.js';
export type { SettingsInput } from '../config/environment.js';
export { AppError } from './errors/app-error.js';
export { StartError } from './errors/start-error.js';
export type { AuthApp, Container, Overrides } from './public-types.js';
export { createVerifier, requireAuth } from './resource-server/index.js';
export type {
  AccessTokenClaims,
  AuthHandler,
  AuthLocals,
  RequireAuthOptions,
  Verifier,
  VerifierSettings,
} from './resource-server/index.js';
