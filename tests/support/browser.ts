import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium } from 'playwright-core';

/** Keeps the browser from talking to anybody but the page, and lets it run as root. */
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // A host name that browsers do not trust over http, as one of a local network is.
  '--host-resolver-rules=MAP app.test 127.0.0.1',
];
function findBrowser(): string {
  const named = process.env['CHROMIUM'];
  if (named !== undefined && named !== '') return named;
  try {
    return execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim();
  } catch {
    throw new Error('These tests need Chromium. Install it (on Debian: apt-get install chromium), or set CHROMIUM to its executable');
  }
}

export interface Browser {
  readonly context: BrowserContext;
  close(): Promise<void>;
}

/** A real browser with an empty profile, which is gone when it is closed. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = findBrowser();
  const profile = mkdtempSync(join(tmpdir(), 'browser-'));
  const context = await chromium.launchPersistentContext(profile, { executablePath, headless: true, args: QUIET, timeout: 60_000 });
  return {
    context,
    close: async () => {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
