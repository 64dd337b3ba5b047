import type { Server } from 'node:http';
import { Server as TcpServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { types } from 'node:util';
import { loadConfig, readEnvironment } from '../config/index.js';
import { buildApp } from './app.js';
import { type Container, createContainer } from './container.js';
import { createHttpServer } from './http-server.js';
import { listen } from './listen.js';

/** How often connections that have become idle are closed while requests under way finish. */
const SWEEP_MS = 100;
/** How long those that are idle at the signal are left: one in use is so for a moment between two requests, and learns with the next. */
const IDLE_MS = 500;
/** Ctrl-C reaches the whole group, and npm passes its own on: one wish, two signals. */
const ECHO_MS = 1000;

/**
 * Starts the service from the environment, and ends the process when it is asked to: config, container, listen, drain.
 * Resolves when it listens. Throws ConfigError and StartError, with nothing left open.
 */
export async function serve(): Promise<void> {
  const config = loadConfig(readEnvironment());
  const container = createContainer(config);
  const ending = endOnFatalError(container);
  try {
    await container.start();
    const server = createHttpServer(buildApp(container), undefined, container.logger, config.http.publicPath);
    ending.drain = drainOnSignal(server, container);
    await listen(server, config.http);
    container.logger.info(`Lingomate Auth ${container.version} listens on ${urlOf(server)}, documentation at /docs`);
  } catch (error) {
    await container.close();
    throw error;
  }
}

/** Finishes requests under way and ends the process with that code. */
type Drain = (reason: string, code: 0 | 1) => void;

/**
 * Logs what nothing has caught, thrown or rejected, and ends the process with 1 once requests under way are finished: its state is
 * undefined from then on (Node.js, "Warning: Using 'uncaughtException' correctly"; ASVS 16.5.4).
 */
function endOnFatalError({ logger }: Pick<Container, 'logger'>): { drain: Drain | undefined } {
  const ending: { drain: Drain | undefined } = { drain: undefined };
  const endAfter =
    (what: string) =>
    (thrown: unknown): void => {
      // Another value than an error may be a secret itself.
      logger.fatal(types.isNativeError(thrown) ? { err: thrown } : { type: typeof thrown }, what);
      if (ending.drain === undefined) process.exit(1);
      ending.drain(what, 1);
    };
  process.on('uncaughtException', endAfter('uncaught exception'));
  process.on('unhandledRejection', endAfter('unhandled rejection'));
  return ending;
}

/**
 * Returns the URL at which the server listens, with the port that was found where PORT is 0. A loopback address is shown as
 * `localhost`: to a browser 127.0.0.1 is another site than a page on localhost, whose cookies it would discard.
 */
function urlOf(server: Server): string {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new TypeError('a server on TCP has an address');
  const { address, family, port } = bound;
  const isUsual = address === '127.0.0.1' || address === '::1';
  return `http://${isUsual ? 'localhost' : family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

/**
 * The first signal ends it in order: not ready, no new connection, requests under way finish, exit 0. A later one ends it
 * at once, unless it is the first one's echo. Returns the same for a fatal error, whose code is kept.
 */
function drainOnSignal(server: Server, container: Container): Drain {
  const { health } = container;
  let since = 0;
  let exitCode: 0 | 1 = 0;
  const drain: Drain = (reason, code) => {
    if (code === 1) exitCode = 1;
    if (health.draining) return;
    since = performance.now();
    startDraining(server, container, reason, () => {
      process.exit(exitCode);
    });
  };
  const onSignal = (signal: string): void => {
    if (health.draining && performance.now() - since > ECHO_MS) process.exit(1);
    drain(signal, 0);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return drain;
}

function startDraining(server: Server, container: Container, reason: string, exit: () => void): void {
  const { health, logger, config } = container;
  const since = performance.now();
  health.drain();
  logger.info(`${reason}: finishing requests under way`);
  // A client that keeps its connection learns with its answer that this was the last one here.
  server.prependListener('request', (_request, response) => response.setHeader('Connection', 'close'));
  const sweep = setInterval(() => {
    if (performance.now() - since > IDLE_MS) server.closeIdleConnections();
  }, SWEEP_MS);
  const patience = setTimeout(() => {
    server.closeAllConnections();
  }, config.shutdownSeconds * 1000);
  // Takes no new connections; HTTP's own would also cut the idle ones at once, under a request that is on its way.
  TcpServer.prototype.close.call(server, () => {
    clearInterval(sweep);
    clearTimeout(patience);
    container
      .close()
      .then(() => flushed(logger))
      .then(() => {
        logger.info('stopped');
        return flushed(logger);
      })
      .then(exit, () => process.exit(1));
  });
}

/** How long the end of the process waits for a log that is slow. */
const FLUSH_MS = 1000;

/** Waits until the log is written: a write on its way when the process exits would come after its last line. */
const flushed = (logger: Container['logger']): Promise<unknown> =>
  Promise.race([
    new Promise<void>((done) => {
      logger.flush(() => {
        done();
      });
    }),
    sleep(FLUSH_MS),
  ]);
