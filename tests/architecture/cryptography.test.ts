import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const sources = ['src', 'config', 'migrations']
  .flatMap((folder) => readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)))
  .filter((path) => /\.m?ts$|\.m?js$/.test(path))
  .map((path) => ({ path, text: read(path) }));
const inventory = read('docs/cryptography.md');

/** What a pattern's group finds in all sources, and where. */
const findings = (pattern: RegExp): { path: string; found: string }[] =>
  sources.flatMap(({ path, text }) => [...text.matchAll(pattern)].map(([, found = '']) => ({ path, found })));
const pathsOf = (pattern: RegExp): string[] => [...new Set(findings(pattern).map(({ path }) => path))];

test('the inventory names every file that uses cryptography', () => {
  const using = pathsOf(/^import (?!type )[^;]*from '(node:crypto|crypto|bcryptjs|jose|jsonwebtoken)'|import\('hash-wasm'\)/gm);
  expect(using.length).toBeGreaterThan(20);
  expect(using.filter((path) => !inventory.includes(`\`${path}\``))).toEqual([]);
});

test('the inventory names every purpose for which a key is made of ROOT_KEY, and each has one file', () => {
  const made = findings(/\bderiveKeys?\(\w+, ('[^']+'|\w+)\)/g).map(({ path, found }) => `${found.replaceAll("'", '`')} ${path}`);
  expect(made.length).toBeGreaterThanOrEqual(8);
  const rows = inventory.split('\n').map((row) => row.split('|').map((cell) => cell.trim()));
  const listed = rows.map(([, purpose, , place]) => `${purpose} ${place?.replaceAll('`', '')}`);
  expect(made.filter((one) => !listed.includes(one))).toEqual([]);
});

test('hashes are of the SHA-2 family and ciphers authenticated, but for checking hashes that came from elsewhere', () => {
  const called = findings(/\b(?:createHash|createHmac|hkdfSync|createSign|createVerify|create(?:C|Dec)ipheriv)\(\s*([^,)]+)/g);
  expect(called.length).toBeGreaterThan(10);
  const allowed = new Set(["'sha256'", 'CIPHER']);
  expect(called.filter(({ found }) => !allowed.has(found))).toEqual([{ path: 'src/adapters/hash-worker.mjs', found: "'aes-256-ctr'" }]);
  expect(findings(/\bCIPHER = ('[^']+')/g)).toEqual([{ path: 'src/lib/sealed.ts', found: "'aes-256-gcm'" }]);
  expect(pathsOf(/\b(?:publicEncrypt|privateDecrypt|createECDH|createDiffieHellman|subtle)\b/g)).toEqual([]);
  expect(pathsOf(/\bpbkdf2Sync\(/g)).toEqual(['src/adapters/hash-worker.mjs']);
});

test('what must not be guessed is drawn by the operating system: Math.random only spreads work in time', () => {
  expect(pathsOf(/\bMath\.random\b/g).sort()).toEqual(['src/jobs.ts', 'src/services/outbox/back-off.ts']);
});

test('an HMAC or signature that is presented is compared in constant time, or looked up as a whole', () => {
  expect(pathsOf(/\btimingSafeEqual\(/g)).toEqual(
    expect.arrayContaining(['src/adapters/hash-worker.mjs', 'src/services/audit/audit-chain.ts', 'src/services/session/refresh-token.ts']),
  );
  // A digest on either side of an equals sign would end at the first byte that differs.
  expect(pathsOf(/digest\([^)]*\)\s*[!=]==|[!=]==\s*\w+\([^)]*\)\.digest\(/g)).toEqual([]);
});
