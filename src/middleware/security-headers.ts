import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import helmet from 'helmet';

type Headers = ReturnType<typeof helmet>;

/** ASVS 3.4.1 requires a year. */
const YEAR_SECONDS = 365 * 24 * 60 * 60;
const NOTHING = ["'none'"];

/**
 * For answers that are data: nothing in them is ever run, framed or sniffed, no page of another origin may load them, and
 * no address is passed on (ASVS 3.2.1, 3.4, 3.5.8).
 */
export const securityHeaders = (): Headers =>
  helmet({
    // These four speak to features that an answer of data never meets; each costs every request.
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    originAgentCluster: false,
    xFrameOptions: { action: 'deny' },
    contentSecurityPolicy: {
      useDefaults: false,
      // The last three do not fall back to the first, and ASVS 3.4.3 asks for objects by their name.
      directives: { defaultSrc: NOTHING, objectSrc: NOTHING, baseUri: NOTHING, formAction: NOTHING, frameAncestors: NOTHING, sandbox: [] },
    },
    crossOriginResourcePolicy: { policy: 'same-origin' },
    // Subdomains belong to the operator of the host: includeSubDomains would block every one of them that has no https.
    strictTransportSecurity: { maxAge: YEAR_SECONDS, includeSubDomains: false },
  });

/** The same as lines, for what is answered where no request could be read. */
export function securityHeaderLines(): string[] {
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  securityHeaders()(request, response, () => undefined);
  return Object.entries(response.getHeaders()).map(([name, value]) => `${name}: ${String(value)}`);
}
