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
 * absolute one), `sqlite::memory:`, `postgres://…` and `postgresql://…`.
 * Returns undefined for anything else.
 */
export function parseDatabaseUrl(value: string): DatabaseTarget | undefined {
  if (/^postgres(ql)?:\/\/[^/]/.test(value)) {
    const parameters = URL.canParse(value) ? [...new URL(value).searchParams] : undefined;
    const known = parameters?.every(([name, asked]) => Object.hasOwn(POSTGRES_PARAMETERS, name) && POSTGRES_PARAMETERS[name]?.(asked));
    return known ? { dialect: 'postgres', url: value } : undefined;
  }
  if (!value.startsWith('sqlite:')) return undefined;
  const rest = value.slice('sqlite:'.length);
  const file = sqlAlchemyPath(rest) ?? (rest.startsWith('//') ? undefined : rest);
  if (file === undefined || file === '' || file.includes('\0')) return undefined;
  return { dialect: 'sqlite', file };
}

/** SQLAlchemy puts the path behind `//host/`, with the host always empty; no path at all is its in-memory form. */
function sqlAlchemyPath(rest: string): string | undefined {
  if (rest === '//' || rest === '///:memory:') return ':memory:';
  // Its options (`?mode=ro`) mean nothing here, and would become part of the file's name.
  return rest.startsWith('///') && !rest.includes('?') ? rest.slice('///'.length) : undefined;
}

/** The URL as it may be shown: without its password. */
export function describeTarget(target: DatabaseTarget): string {
  if (target.dialect === 'sqlite') return target.file;
  const url = new URL(target.url);
  return `${url.protocol}//${url.host}${url.pathname}`;
}
