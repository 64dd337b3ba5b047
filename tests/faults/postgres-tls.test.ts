import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { selfSigned, type SelfSigned } from '../support/certificate.js';
import { commandLineIn } from '../support/command-line.js';
import { type PostgresCluster, postgresPrograms, startCluster } from '../support/postgres-cluster.js';
import { useProcesses } from '../support/process.js';
import { useTempFolder } from '../support/temp-folder.js';

const randomKey = (): string => randomBytes(64).toString('base64url');
const PROGRAMS = postgresPrograms() ?? '';
if (PROGRAMS === '') process.stderr.write('No PostgreSQL server is installed that a test could start with TLS: its tests are left out.\n');

(PROGRAMS === '' ? describe.skip : describe)('a PostgreSQL server whose certificate is of an own authority', () => {
  const folder = useTempFolder();
  const run = commandLineIn(folder, useProcesses());
  let certificate: SelfSigned;
  let cluster: PostgresCluster;
  let settings: Record<string, string>;
  beforeAll(async () => {
    certificate = selfSigned('127.0.0.1');
    cluster = await startCluster(PROGRAMS, certificate);
    settings = { DATABASE_URL: `${cluster.url}?sslmode=verify-full`, SECRET_KEY: randomKey(), ROOT_KEY: randomKey() };
  });
  afterAll(() => cluster.drop());
  beforeEach(() => {
    writeFileSync(folder.file('ca.pem'), certificate.cert);
  });

  test.each([
    ['NODE_EXTRA_CA_CERTS', () => ({ NODE_EXTRA_CA_CERTS: folder.file('ca.pem') })],
    ['--use-openssl-ca and SSL_CERT_FILE', () => ({ NODE_OPTIONS: '--use-openssl-ca', SSL_CERT_FILE: folder.file('ca.pem') })],
    [
      'NODE_EXTRA_CA_CERTS for the service and PGSSLROOTCERT for libpq',
      () => ({ NODE_EXTRA_CA_CERTS: folder.file('ca.pem'), PGSSLROOTCERT: folder.file('ca.pem') }),
    ],
  ])('is migrated and backed up where %s names the authority', async (_how, trust) => {
    const trusting = { ...settings, ...trust() };
    expect(await run('migrate', trusting)).toMatchObject({ code: 0 });
    expect(await run('backup copy.dump', trusting)).toMatchObject({ code: 0 });
  });

  test('is backed up with sslmode=require, which verifies no certificate', async () => {
    const encrypted = { ...settings, DATABASE_URL: `${cluster.url}?sslmode=require` };
    expect(await run('migrate', encrypted)).toMatchObject({ code: 0 });
    expect(await run('backup copy.dump', encrypted)).toMatchObject({ code: 0 });
  });

  test('is refused by a backup that does not trust it, with the cause and the setting to change', async () => {
    const trusting = { ...settings, NODE_EXTRA_CA_CERTS: folder.file('ca.pem') };
    await run('migrate', trusting);
    writeFileSync(folder.file('other.pem'), selfSigned('127.0.0.2').cert);
    const refused = await run('backup copy.dump', { ...trusting, PGSSLROOTCERT: folder.file('other.pem') });
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringMatching(/certificate verify failed.*No backup was made.*NODE_EXTRA_CA_CERTS or PGSSLROOTCERT/),
    ]);
  });
});
