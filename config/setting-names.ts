import { settingsSchema } from './schema.js';

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

const described: unknown = settingsSchema.describe().keys;
const settings = isObject(described) ? described : {};

/** The names of all settings, as they stand in the environment. */
export const SETTING_NAMES: readonly string[] = Object.keys(settings);

/** The names of the settings that are marked secret in the schema. */
export const SECRET_SETTINGS: readonly string[] = Object.entries(settings).flatMap(([name, setting]) => {
  const metas = isObject(setting) ? setting['metas'] : undefined;
  return Array.isArray(metas) && metas.some((meta: unknown) => isObject(meta) && meta['secret'] === true) ? [name] : [];
});
