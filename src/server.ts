import { types } from 'node:util';
import { ConfigError } from '../config/index.js';
import { StartError } from './errors/start-error.js';
import { serve } from './serve.js';

serve().catch((error: unknown) => {
  const known = error instanceof ConfigError || error instanceof StartError;
  const text =
    error instanceof StartError
      ? `start_failed: ${error.message}`
      : known
        ? error.message
        : types.isNativeError(error)
          ? (error.stack ?? error.message)
          : String(error);
  process.stderr.write(`${text}\n`);
  process.exit(1);
});
