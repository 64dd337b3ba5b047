import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import bcrypt from 'bcryptjs';
import { OPERATOR } from '../../../src/lib/actor.js';
import type { ImportResult } from '../../../src/services/transfer/imported-user.js';
import { createStoredApp, type StoredApp } from '../../support/stored-app.js';

const HASH = bcrypt.hashSync('correct horse battery staple', 4);

let auth: StoredApp;
beforeAll(async () => {
  auth = await createStoredApp();
});
beforeEach(async () => {
  await auth.users.destroy({ where: {} });
});
afterAll(() => auth.close());

/** The bytes in pieces of one byte, so that every line end is cut in two. */
async function* inPieces(text: string): AsyncGenerator<Uint8Array> {
  for (const byte of Buffer.from(text)) yield await Promise.resolve(Uint8Array.of(byte));
}

async function imported(text: string, cut = false): Promise<ImportResult[]> {
  const results: ImportResult[] = [];
  const bytes = cut ? inPieces(text) : Buffer.from(text);
  for await (const result of auth.services.transfer.importText(bytes, {}, { dryRun: false, by: OPERATOR })) results.push(result);
  return results;
}
const outcomes = (results: readonly ImportResult[]) => results.map(({ line, status, username }) => `${line} ${status} ${username ?? ''}`);
const ADA_AND_BOB = ['2 created ada', '3 created bob'];

describe('a table', () => {
  it.each([
    ['CRLF behind the header and LF behind the rows', `username,email,password_hash\r\nada,,${HASH}\nbob,,${HASH}\n`],
    ['LF behind the header and CRLF behind the rows', `username,email,password_hash\nada,,${HASH}\r\nbob,,${HASH}\r\n`],
    ['CRLF and a last LF', `username,email,password_hash\r\nada,,${HASH}\r\nbob,,${HASH}\n`],
    ['CR alone', `username,email,password_hash\rada,,${HASH}\rbob,,${HASH}\r`],
    ['all three and none at the end', `username,email,password_hash\r\nada,,${HASH}\rbob,,${HASH}`],
  ])('with %s is read line by line', async (_ends, text) => {
    expect(outcomes(await imported(text))).toEqual(ADA_AND_BOB);
    expect(await auth.users.count({ where: { hashed_password: HASH } })).toBe(2);

    await auth.users.destroy({ where: {} });
    expect(outcomes(await imported(text, true))).toEqual(ADA_AND_BOB);
  });

  it.each([false, true])('counts lines by every line end, in quotes and between records; in pieces: %s', async (cut) => {
    const text = 'username,display_name\r\n\r\nada,"A\r\nL"\nx,\r\rbob,"B\rC\nD"\ny,\r\n';

    const results = await imported(text, cut);

    expect(results.map(({ line, status }) => `${line} ${status}`)).toEqual(['3 created', '5 failed', '7 created', '10 failed']);
  });

  it.each([
    ['semicolons', `username;email;password_hash\nada;ada@example.com;${HASH}\nbob;;${HASH}\n`],
    ['tabs', `username\temail\tpassword_hash\nada\tada@example.com\t${HASH}\nbob\t\t${HASH}\n`],
    ['semicolons and a comma in quotes', `username;"email";password_hash\r\nada;"ada@example.com";"${HASH}"\r\nbob;;${HASH}\r\n`],
    ['semicolons behind a byte order mark', `\uFEFFusername;password_hash\nada;${HASH}\nbob;${HASH}\n`],
  ])('with %s is read by the separator of its header', async (_separator, text) => {
    expect(outcomes(await imported(text))).toEqual(ADA_AND_BOB);
    expect(await auth.users.count({ where: { hashed_password: HASH } })).toBe(2);
  });

  it.each([
    ['sep=;', ';'],
    ['SEP=;', ';'],
    ['sep=,', ','],
    ['sep=\t', '\t'],
    ['\uFEFFsep=;', ';'],
  ])('with the first line %j is read by that separator', async (first, separator) => {
    const rows = [`username${separator}roles`, `ada${separator}"user,admin"`, `bob${separator}user`];

    const results = await imported([first, ...rows].join('\r\n'));

    expect(outcomes(results)).toEqual(['3 created ada', '4 created bob']);
    expect(await auth.users.findOne({ where: { username: 'ada' } })).toMatchObject({ roles: ['user', 'admin'] });
  });

  it('with one column needs no separator', async () => {
    expect(outcomes(await imported('username\nada\n'))).toEqual(['2 created ada']);
  });

  it('does not take a separator inside the quotes of its header for one', async () => {
    await expect(imported('"user;na;me",email\n')).rejects.toMatchObject({
      code: 'validation_failed',
      details: { fields: [{ path: '', code: 'unknown' }] },
    });
  });
});
