import { ConfigError, loadConfig } from '../../config/index.js';

/** The faults that these settings are refused for; none where they are taken. */
export function faultsOf(settings: Record<string, string>): readonly string[] {
  try {
    loadConfig(settings);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}

/** The setting that a fault names. */
export const variableOf = (fault: string): string => /^[A-Z_]+/.exec(fault)?.[0] ?? `none is named in: ${fault}`;
