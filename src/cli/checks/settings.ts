import type { Config } from '../../../config/index.js';
import { type Finding, ok, warn } from './finding.js';

/** Settings that are valid each by itself, and together most likely not what was meant. */
export const checkSettings = (config: Config): Finding[] => [checkProxy(config), checkIssuer(config), checkOrigins(config)];

const isLoopback = (host: string): boolean => /^(localhost|127(\.\d+){3}|::1)$/i.test(host);

function checkProxy({ environment, http: { host, trustedProxies } }: Config): Finding {
  if (trustedProxies > 0 && !isLoopback(host)) {
    return warn(
      'proxy',
      `TRUST_PROXY is ${trustedProxies} and HOST is ${host}: who reaches the port past the proxy can forge X-Forwarded-For. Have a firewall admit the proxy alone, or set HOST to 127.0.0.1`,
    );
  }
  if (trustedProxies === 0 && isLoopback(host) && environment === 'production') {
    return warn(
      'proxy',
      `HOST is ${host} in production, so a proxy is most likely in front, and TRUST_PROXY is 0: every client has the proxy's address. Set TRUST_PROXY to how many proxies there are`,
    );
  }
  return ok('proxy', `TRUST_PROXY is ${trustedProxies} and HOST is ${host}`);
}

function checkIssuer({ environment, token: { issuer }, http: { port, publicUrl } }: Config): Finding {
  if (environment === 'production' && issuer.startsWith('http:')) {
    return warn('issuer', `ISSUER is ${issuer} in production. Set it to the public https URL of this service`);
  }
  if (publicUrl !== issuer) {
    return warn('issuer', `ISSUER is not set and PORT is ${port}: tokens name ${issuer} as their issuer. Set ISSUER to ${publicUrl}`);
  }
  return ok('issuer', `ISSUER is ${issuer}`);
}

function checkOrigins({ environment, http: { corsOrigins } }: Config): Finding {
  const open = corsOrigins.filter((origin) => origin.startsWith('http:') && !isLoopback(new URL(origin).hostname.replace(/^\[|\]$/g, '')));
  if (environment === 'production' && open.length > 0) {
    return warn('cors', `CORS_ORIGINS has ${open.join(', ')}: whoever is on the way can change such a page. Serve it over https`);
  }
  return ok('cors', `CORS_ORIGINS is ${corsOrigins.join(', ')}`);
}
