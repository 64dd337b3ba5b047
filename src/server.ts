import { types } from 'node:util';
import { ConfigError } from '../config/index.js';
import { StartError } from './errors/start-error.js';
import { serve } from './serve.js';

serve().catch((error: unknown) => {
  process.stderr.write(`${reasonOf(error)}\n`);
  process.exit(1);
});

function reasonOf(error: unknown): string {
  if (error instanceof StartError) return `start_failed: ${error.message}`;
  if (error instanceof ConfigError) return error.message;
  return types.isNativeError(error) ? (error.stack ?? error.message) : String(error);
}
