import type { Config } from '../../../config/index.js';
import { isLoopbackName, isLoopbackOrigin } from '../../lib/loopback.js';
import { type Finding, ok, warn } from './finding.js';

/** Settings that are valid each by itself, and together most likely not what was meant. */
export const checkSettings = (config: Config): Finding[] => [checkProxy(config), checkIssuer(config), checkOrigins(config)];

function checkProxy({ environment, http: { host, trustedProxies } }: Config): Finding {
  if (trustedProxies > 0 && !isLoopbackName(host)) {
    return warn(
      'proxy',
      `TRUST_PROXY is ${trustedProxies} and HOST is ${host}: who reaches the port past the proxy can forge X-Forwarded-For. Have a firewall admit the proxy alone, or set HOST to 127.0.0.1`,
    );
  }
  if (trustedProxies === 0 && isLoopbackName(host) && environment === 'production') {
    return warn(
      'proxy',
      `HOST is ${host} in production, so a proxy is most likely in front, and TRUST_PROXY is 0: every client has the proxy's address. Set TRUST_PROXY to how many proxies there are`,
    );
  }
  return ok('proxy', `TRUST_PROXY is ${trustedProxies} and HOST is ${host}`);
}

function checkIssuer({ token: { issuer }, http: { port, publicUrl } }: Config): Finding {
  if (publicUrl !== issuer) {
    return warn('issuer', `ISSUER is not set and PORT is ${port}: tokens name ${issuer} as their issuer. Set ISSUER to ${publicUrl}`);
  }
  return ok('issuer', `ISSUER is ${issuer}`);
}

function checkOrigins({ environment, http: { corsOrigins } }: Config): Finding {
  const loopback = corsOrigins.filter(isLoopbackOrigin);
  if (environment === 'production' && loopback.length > 0) {
    return warn('cors', `CORS_ORIGINS has ${loopback.join(', ')} in production. Remove it unless your app runs in a web view`);
  }
  return ok('cors', corsOrigins.length === 0 ? 'no other origin may call this service' : `CORS_ORIGINS is ${corsOrigins.join(', ')}`);
}
