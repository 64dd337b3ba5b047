import type { SettingsInput } from '../../src/index.js';
import { createHttpServer } from '../../src/http-server.js';
import { listen, stop } from './raw-http.js';
import { createTestApp, type TestApp } from './test-app.js';

/** A test service that listens on a port of 127.0.0.1, for requests that are written byte by byte. */
export interface ServedApp extends TestApp {
  readonly port: number;
}

/** Starts a test service that listens. `close` stops the server before the service. */
export async function createServedApp(settings: SettingsInput = {}): Promise<ServedApp> {
  const auth = await createTestApp(settings);
  const server = createHttpServer(auth.app);
  const port = await listen(server);
  const close = async (): Promise<void> => {
    await stop(server);
    await auth.close();
  };
  return { ...auth, port, close };
}
