import { createServer } from 'node:net';
import type { Config } from '../../../config/index.js';
import { StartError } from '../../errors/start-error.js';
import { errorCode } from '../../lib/error-code.js';
import { listen } from '../../listen.js';
import { fail, type Finding, ok, warn } from './finding.js';

const ANSWER_MS = 2000;
const EVERY_ADDRESS: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' };

/** What the service that runs with these settings says of itself, where one runs here. */
export async function checkService({ http: { host, port } }: Config): Promise<Finding> {
  const address = `http://${EVERY_ADDRESS[host] ?? (host.includes(':') ? `[${host}]` : host)}:${port}`;
  const patience = new AbortController();
  // Unlike AbortSignal.timeout it keeps the process alive while a program that cuts connections off is asked.
  const timer = setTimeout(() => {
    patience.abort();
  }, ANSWER_MS);
  try {
    const response = await fetch(`${address}/health/ready`, { signal: patience.signal });
    return findingOf(address, response.ok, await response.json());
  } catch {
    return await checkListening(host, port, address);
  } finally {
    clearTimeout(timer);
  }
}

/** Listens for a moment, as a start would. */
async function checkListening(host: string, port: number, address: string): Promise<Finding> {
  const server = createServer();
  try {
    await listen(server, { host, port });
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    if (errorCode(error.cause) !== 'EADDRINUSE') return fail('service', error.message);
    return fail('service', `${error.message}. A service that runs there does not answer GET ${address}/health/ready`);
  }
  await new Promise((closed) => server.close(closed));
  return ok('service', `none answers at ${address}; a start can listen there`);
}

function findingOf(address: string, isReady: boolean, said: unknown): Finding {
  const warnings: unknown = typeof said === 'object' && said !== null && 'warnings' in said ? said.warnings : [];
  if (!isReady) return warn('service', `${address} answers that it is not ready. GET ${address}/health/ready says which part is down`);
  if (Array.isArray(warnings) && warnings.length > 0) return warn('service', `${address} warns. ${warnings.map(String).join('. ')}`);
  return ok('service', `${address} is ready`);
}
