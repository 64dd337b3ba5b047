import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { STATUS_CODES } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AppError } from '../errors/app-error.js';
import { CODES } from '../errors/codes.js';
import { DOCS_PAGE, DOCS_SCRIPT, errorsPage } from '../presenters/page.presenter.js';
import { INDEX_LINKS } from '../validators/meta.validator.js';
import { type Asked, ok, type Reply } from './reply.js';

/** The documents that are derived from the routes; each is told where the app is mounted. */
export interface Documents {
  openapi(base: string): unknown;
  postman(): unknown;
  postmanEnvironment(base: string): unknown;
}

const ASSETS: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};
/** The build has its own copies: swagger-ui-dist is a development dependency, which only the sources read. */
const BUILT_ASSETS = fileURLToPath(new URL('../../swagger-ui', import.meta.url));
const require = createRequire(import.meta.url);
const ASSETS_FOLDER = existsSync(BUILT_ASSETS) ? BUILT_ASSETS : dirname(require.resolve('swagger-ui-dist/package.json'));

/** The page runs only what this service itself sends; swagger-ui styles its elements one by one. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const html = (data: string): Reply => ({
  status: 200,
  headers: { 'Content-Security-Policy': PAGE_POLICY },
  content: { type: 'text/html; charset=utf-8', data },
});

export function createDocumentationController({ documents, version }: { documents: Documents; version: string | undefined }) {
  const codes = Object.entries(CODES).map(([code, { status, detail }]) => ({ code, status, title: STATUS_CODES[status] ?? '', detail }));
  // Each is read once: hundreds of answers that wait for slow readers share it.
  const assets = new Map<string, Promise<Buffer>>();
  const readAsset = (name: string): Promise<Buffer> => {
    const reading = assets.get(name) ?? readFile(join(ASSETS_FOLDER, name));
    assets.set(name, reading);
    reading.catch(() => assets.delete(name));
    return reading;
  };
  return {
    index: ({ base, wantsHtml }: Asked): Reply => {
      if (wantsHtml) return { status: 302, headers: { Location: `${base}/docs` } };
      const links = Object.fromEntries(Object.entries(INDEX_LINKS).map(([name, path]) => [name, base + path]));
      return ok({ name: 'Lingomate Auth', ...(version === undefined ? {} : { version }), links });
    },
    errors: ({ wantsHtml }: Asked): Reply => (wantsHtml ? html(errorsPage(codes)) : ok({ data: codes, next_cursor: null })),
    openapi: ({ base }: Asked): Reply => ok(documents.openapi(base)),
    postman: (): Reply => ok(documents.postman()),
    postmanEnvironment: ({ base }: Asked): Reply => ok(documents.postmanEnvironment(base)),
    docs: (): Reply => html(DOCS_PAGE),
    asset: async ({ params }: Asked<undefined, { asset: string }>): Promise<Reply> => {
      if (params.asset === 'docs.js') return { status: 200, content: { type: 'text/javascript; charset=utf-8', data: DOCS_SCRIPT } };
      const type = Object.hasOwn(ASSETS, params.asset) ? ASSETS[params.asset] : undefined;
      if (type === undefined) throw new AppError('not_found');
      return {
        status: 200,
        headers: { 'Cache-Control': 'public, max-age=3600' },
        content: { type, data: await readAsset(params.asset) },
      };
    },
  };
}
export type DocumentationController = ReturnType<typeof createDocumentationController>;
