import type { Server } from 'node:net';
import { StartError } from './errors/start-error.js';
import { errorCode } from './lib/error-code.js';

/** Connections that may wait to be taken: what comes beyond is dropped by the system, and its client waits for seconds or is cut off. */
const CONNECTIONS_WAITING = 4096;

/** Listens on HOST and PORT. Throws StartError with the setting to change. */
export function listen(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((done, failed) => {
    server.once('error', (error) => {
      failed(new StartError(listenFault(errorCode(error), host, port), { cause: error }));
    });
    server.listen({ port, host, backlog: CONNECTIONS_WAITING }, done);
  });
}

function listenFault(reason: string, host: string, port: number): string {
  const fix: Readonly<Record<string, string>> = {
    EADDRINUSE: `PORT: ${port} is in use on ${host}. Stop what listens there, or set another PORT`,
    EACCES: `PORT: this user may not listen on ${port}. Set a PORT above 1023`,
    EADDRNOTAVAIL: `HOST: ${host} is no address of this machine. Set another HOST`,
    ENOTFOUND: `HOST: ${host} has no address. Set another HOST`,
    EAI_AGAIN: `HOST: ${host} cannot be resolved now. Set HOST to an IP address`,
    EAFNOSUPPORT: `HOST: this machine does not support the addresses of ${host}. Set another HOST`,
  };
  return fix[reason] ?? `HOST, PORT: can't listen on ${host}:${port} (${reason}). Set another HOST or PORT`;
}
