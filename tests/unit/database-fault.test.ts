import { describe, expect, it } from '@jest/globals';
import { DatabaseError } from 'sequelize';
import { databaseFault } from '../../src/adapters/database.js';

const failedWith = (code: string) => databaseFault(new DatabaseError(Object.assign(new Error(code), { code, sql: 'SELECT 1' })));

describe('a failed statement', () => {
  it.each([
    ['a cancelled statement or statement_timeout', '57014'],
    ['an end by the administrator', '57P01'],
    ['a crash of another server process', '57P02'],
    ['a server that starts or stops', '57P03'],
    ['a dropped database', '57P04'],
    ['idle_session_timeout', '57P05'],
    ['an unknown code of operator intervention', '57Q99'],
    ['a read-only transaction', '25006'],
    ['idle_in_transaction_session_timeout', '25P03'],
    ['transaction_timeout', '25P04'],
    ['a serialization failure', '40001'],
    ['an unknown completion', '40003'],
    ['a deadlock', '40P01'],
    ['lock_timeout', '55P03'],
    ['a lost connection', '08006'],
    ['too many connections', '53300'],
    ['a full disk', '53100'],
    ['an I/O error of the server', '58030'],
    ['a snapshot that is too old', '72000'],
    ['a corrupt table', 'XX001'],
    ['a corrupt index', 'XX002'],
    ['a network that is down', 'ENETUNREACH'],
    ['a name server that does not answer', 'EAI_AGAIN'],
    ['a SQLite file without the permission', 'SQLITE_PERM'],
  ])('is unavailable for %s (%s)', (_, code) => {
    expect(failedWith(code)).toMatchObject({ code: 'unavailable' });
  });

  it.each([
    ['a syntax error', '42601'],
    ['a missing column', '42703'],
    ['a missing privilege', '42501'],
    ['a value that is too long', '22001'],
    ['a violated constraint', '23514'],
    ['a statement after a failed one', '25P02'],
    ['a constraint that a commit violates', '40002'],
    ['an internal error of PostgreSQL', 'XX000'],
    ['a wrong statement of SQLite', 'SQLITE_ERROR'],
  ])('is an error of the service for %s (%s)', (_, code) => {
    expect(failedWith(code)).toBeUndefined();
  });
});
