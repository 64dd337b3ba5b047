import { register as registerHooks } from 'node:module';
import { register as registerTypeScript } from 'tsx/esm/api';

registerTypeScript();
registerHooks('./resolving.js', import.meta.url);

export const { strykerPlugins } = await import('./one-process-runner.js');
