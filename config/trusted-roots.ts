import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';

/** Where systems keep the roots that OpenSSL trusts: Debian and Alpine, Red Hat, macOS and BSD. */
const SYSTEM_BUNDLES = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/cert.pem'];

/** Returns the content of the first of these files that can be read. */
function firstReadable(files: readonly (string | undefined)[]): string[] {
  for (const file of files) {
    try {
      if (file !== undefined) return [readFileSync(file, 'utf8')];
    } catch {
      // The next one may be there.
    }
  }
  return [];
}

/** Returns the certificates, in PEM, that TLS connections of this process trust (Node.js: `--use-openssl-ca`, `NODE_EXTRA_CA_CERTS`). */
function trustedRoots(): string {
  const { NODE_OPTIONS = '', NODE_EXTRA_CA_CERTS, SSL_CERT_FILE } = process.env;
  const usesSystem = [...process.execArgv, ...NODE_OPTIONS.split(/\s+/)].includes('--use-openssl-ca');
  const own = usesSystem ? firstReadable([SSL_CERT_FILE, ...SYSTEM_BUNDLES]) : rootCertificates;
  return [...own, ...firstReadable([NODE_EXTRA_CA_CERTS])].join('\n');
}

/**
 * Runs the work with `PGSSLROOTCERT` for a program of PostgreSQL, so that it trusts the certificates that this process trusts; one
 * that is set in the environment is left in force. The file is removed afterwards.
 */
export async function withTrustedRoots<T>(work: (environment: Readonly<Record<string, string>>) => Promise<T>): Promise<T> {
  if (process.env['PGSSLROOTCERT'] !== undefined) return work({});
  const folder = mkdtempSync(join(tmpdir(), 'lingomate-auth-roots-'));
  const file = join(folder, 'roots.pem');
  try {
    writeFileSync(file, trustedRoots());
    return await work({ PGSSLROOTCERT: file });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
