import express, { type Express } from 'express';
import { databaseFault } from './adapters/database.js';
import type { Container } from './container.js';
import { AppError } from './errors/app-error.js';
import { createGuards } from './middleware/authenticate.js';
import { allowOrigins } from './middleware/cors.js';
import { errorHandler } from './middleware/error-handler.js';
import { inTurn } from './middleware/in-turn.js';
import type { Middleware } from './middleware/locals.js';
import { createLimiter } from './middleware/rate-limit.js';
import { checkHead } from './middleware/request-head.js';
import { requestContext } from './middleware/request-context.js';
import { securityHeaders } from './middleware/security-headers.js';
import { createOriginWatch } from './observability/cors-watch.js';
import { cookieNames, createCookies } from './presenters/cookie.presenter.js';
import { createRoutes } from './routes/index.js';
import { mountRoutes } from './routes/mount.js';

/** The Express app of a container: the order of the middleware, and nothing else. */
export function buildApp(container: Container): Express {
  const { config, services, health, requests, logger, version } = container;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  // A path has one spelling, or a second one could dodge what is said of the first.
  app.enable('case sensitive routing');
  app.enable('strict routing');
  app.set('trust proxy', config.http.trustedProxies);

  app.use(requestContext(logger, { publicPath: config.http.publicPath, names: config.environment === 'development' }));
  app.use(watchProxy(container));
  app.use(securityHeaders());
  app.use(allowOrigins(config.http.corsOrigins, config.environment === 'development' ? createOriginWatch(logger) : undefined));
  app.use(checkHead);
  const { publicUrl, corsOrigins, cookieName, clearsStorage } = config.http;
  const names = cookieNames(cookieName);
  const routes = createRoutes({
    services,
    health,
    version: config.environment === 'production' ? undefined : version,
    settings: {
      ...config.token,
      publicUrl,
      hasMailbox: config.environment !== 'production' && config.http.trustedProxies === 0,
      cookies: createCookies(names),
      clearsStorage,
      passwordMinLength: config.password.minLength,
    },
  });
  const cookies = {
    names,
    origins: new Set([...corsOrigins, new URL(publicUrl).origin]),
    isOwnToken: (token: string) => services.sessions.sessionOf(token) !== undefined,
  };
  mountRoutes(app, routes, {
    guards: createGuards(services),
    limiter: createLimiter(services.limits),
    requests,
    cookies,
    turn: inTurn(config.queues.requests),
    ready: started(container),
  });
  app.use(() => {
    throw new AppError('not_found');
  });
  app.use(errorHandler({ logger, databaseFault }));
  return app;
}

const watchProxy =
  ({ proxyWatch }: Container): Middleware =>
  (req, _res, next) => {
    proxyWatch.look(req.headers, req.socket.remoteAddress);
    next();
  };

/** An app that is mounted somewhere migrates before its first answer; after that this costs one comparison. */
function started(container: Container): Middleware {
  let ready = false;
  return (_req, _res, next) => {
    if (ready) {
      next();
      return;
    }
    container.start().then(
      () => {
        ready = true;
        next();
      },
      (error: unknown) => {
        next(new AppError('unavailable', { cause: error }));
      },
    );
  };
}
