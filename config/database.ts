import { canBeDecoded } from './values.js';

/** Where the data lives: one SQLite file, SQLite in memory, or PostgreSQL. */
export type DatabaseTarget = { readonly dialect: 'sqlite'; readonly file: string } | { readonly dialect: 'postgres'; readonly url: string };

/** What `sslmode` may ask for; PostgreSQL's other words mean "encrypted, perhaps". */
export const SSL_MODES = ['disable', 'require', 'verify-full'] as const;
export type SslMode = (typeof SSL_MODES)[number];
export const isSslMode = (word: string): word is SslMode => SSL_MODES.some((mode) => mode === word);

/** What a PostgreSQL URL may ask for. Any other parameter would be dropped on the way, and with it what it was to ensure. */
const POSTGRES_PARAMETERS: Readonly<Record<string, (value: string) => boolean>> = {
  sslmode: isSslMode,
  application_name: () => true,
  options: () => true,
};

/**
 * Reads a DATABASE_URL: `sqlite:path`, SQLAlchemy's `sqlite:///path` (three slashes and a relative path, four and an
 * absolute one), `sqlite::memory:`, `postgres://…` and `postgresql://…`. A socket's folder, which libpq also takes as
 * `?host=/path`, becomes the percent-encoded host. Returns undefined for anything else.
 */
export function parseDatabaseUrl(value: string): DatabaseTarget | undefined {
  if (isPostgres(value)) {
    const url = withSocketAsHost(value);
    return url !== undefined && isPostgresUrl(url) ? { dialect: 'postgres', url } : undefined;
  }
  if (!value.startsWith('sqlite:')) return undefined;
  const rest = value.slice('sqlite:'.length);
  const file = sqlAlchemyPath(rest) ?? (rest.startsWith('//') ? undefined : rest);
  if (file === undefined || file === '' || file.includes('\0')) return undefined;
  return { dialect: 'sqlite', file };
}

export const isPostgres = (value: string): boolean => /^postgres(ql)?:\/\//.test(value);

/**
 * Reports whether a URL names one server and one database. A character that a password must have percent-encoded moves the
 * rest of it into the path, the query or the fragment: such a URL is refused, so that no part of a password is taken for a
 * host or a database, which may be shown.
 */
function isPostgresUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { hostname, username, password, pathname, searchParams, hash } = new URL(value);
  const parts = [hostname, username, password, pathname];
  return (
    hostname !== '' &&
    hash === '' &&
    /^(?:\/[^/@]*)?$/.test(pathname) &&
    parts.every(canBeDecoded) &&
    [...searchParams].every(([name, asked]) => Object.hasOwn(POSTGRES_PARAMETERS, name) && POSTGRES_PARAMETERS[name]?.(asked) === true)
  );
}

/** The parts of a PostgreSQL URL around its host. */
const AROUND_HOST = /^(?<scheme>postgres(?:ql)?:\/\/(?:[^/?#@]*@)?)[^/?#@]*(?<path>\/[^?#]*)?\?(?<query>[^#]*)$/;

/** Moves `host=/folder` of the query to the place of the host. Returns undefined where `host` is given but is no such folder. */
function withSocketAsHost(value: string): string | undefined {
  const { scheme = '', path = '', query = '' } = AROUND_HOST.exec(value)?.groups ?? {};
  const parameters = new URLSearchParams(query);
  const folders = parameters.getAll('host');
  const [folder] = folders;
  if (folder === undefined) return value;
  if (folders.length > 1 || !folder.startsWith('/')) return undefined;
  const rest = query.split('&').filter((parameter) => !parameter.startsWith('host='));
  return `${scheme}${encodeURIComponent(folder)}${path}${rest.length === 0 ? '' : `?${rest.join('&')}`}`;
}

/** SQLAlchemy puts the path behind `//host/`, with the host always empty; no path at all is its in-memory form. */
function sqlAlchemyPath(rest: string): string | undefined {
  if (rest === '//' || rest === '///:memory:') return ':memory:';
  // Its options (`?mode=ro`) mean nothing here, and would become part of the file's name.
  return rest.startsWith('///') && !rest.includes('?') ? rest.slice('///'.length) : undefined;
}

/** Returns the URL as it may be shown: without user, password and parameters. */
export function describeTarget(target: DatabaseTarget): string {
  if (target.dialect === 'sqlite') return target.file;
  const { protocol, hostname, host, pathname } = new URL(target.url);
  const socket = decodeURIComponent(hostname);
  return socket.startsWith('/') ? `${protocol}//${pathname || '/'}?host=${socket}` : `${protocol}//${host}${pathname}`;
}
