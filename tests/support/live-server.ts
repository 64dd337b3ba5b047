import type { AddressInfo } from 'node:net';
import type { Express } from 'express';
import { createHttpServer } from '../../src/http-server.js';

/** An app that listens as it does in production, on a port of its own. */
export interface LiveServer {
  /** Without a slash at its end. */
  readonly url: string;
  close(): Promise<void>;
}

const isBound = (address: AddressInfo | string | null): address is AddressInfo => typeof address === 'object' && address !== null;

/** For clients that speak only over a socket: a browser, newman. Without a port it takes a free one. */
export async function serve(app: Express, port = 0): Promise<LiveServer> {
  const server = createHttpServer(app);
  await new Promise<void>((listening, failed) => {
    server.once('error', failed);
    server.listen(port, '127.0.0.1', listening);
  });
  const address = server.address();
  if (!isBound(address)) throw new TypeError('the server listens on no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () =>
      new Promise((closed) => {
        server.close(() => {
          closed();
        });
        server.closeAllConnections();
      }),
  };
}
