import type { Config } from '../../../config/index.js';
import { type Finding, ok, warn } from './finding.js';

const ANSWER_MS = 2000;
const EVERY_ADDRESS: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' };

/** What the service that runs with these settings says of itself, where one runs here. */
export async function checkService({ http: { host, port } }: Config): Promise<Finding> {
  const address = `http://${EVERY_ADDRESS[host] ?? (host.includes(':') ? `[${host}]` : host)}:${port}`;
  try {
    const response = await fetch(`${address}/health/ready`, { signal: AbortSignal.timeout(ANSWER_MS) });
    return findingOf(address, response.ok, await response.json());
  } catch {
    return ok('service', `none answers at ${address}`);
  }
}

function findingOf(address: string, isReady: boolean, said: unknown): Finding {
  const warnings: unknown = typeof said === 'object' && said !== null && 'warnings' in said ? said.warnings : [];
  if (!isReady) return warn('service', `${address} answers that it is not ready. GET ${address}/health/ready says which part is down`);
  if (Array.isArray(warnings) && warnings.length > 0) return warn('service', `${address} warns. ${warnings.map(String).join('. ')}`);
  return ok('service', `${address} is ready`);
}
