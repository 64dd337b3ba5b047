import type Joi from 'joi';
import { isLoopbackName } from '../src/lib/loopback.js';
import { readMailbox } from '../src/lib/mailbox.js';
import { createRoles } from '../src/lib/roles.js';

// The grammar of settings that are more than a number or a word: each a custom rule of the schema, whose messages say what to write.

type Rule<T> = (value: T, helpers: Joi.CustomHelpers<T>) => T | Joi.ErrorReport;

const parseUrl = (text: string): URL | undefined => (URL.canParse(text) ? new URL(text) : undefined);

/** Schemes whose origins `new URL` knows. */
const isWeb = (text: string): boolean => /^https?:/i.test(text);

/** Origins of web views and browser extensions: `capacitor://localhost`, `tauri://localhost`, `chrome-extension://<id>`. */
const APP_ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[A-Za-z0-9._-]+(?::\d{1,5})?$/;
/** Schemes from which no page with an origin of its own is loaded. */
const NO_ORIGIN: ReadonlySet<string> = new Set(['about', 'blob', 'data', 'file', 'ftp', 'javascript', 'ws', 'wss']);

/** A serialised origin (RFC 6454 §6.2), exactly as browsers send it. */
export const exactOrigin: Rule<string> = (value, helpers) => {
  if (!isWeb(value)) return APP_ORIGIN.test(value) && !NO_ORIGIN.has(value.split(':')[0] ?? '') ? value : helpers.error('origin.inexact');
  const origin = parseUrl(value)?.origin ?? 'null';
  if (origin === value && !value.includes('*')) return value;
  return origin === 'null' || origin.includes('*') ? helpers.error('origin.inexact') : helpers.error('origin.respelt', { origin });
};

/** Loopback origins may be http: web views of mobile apps have such origins. */
export const originsForProduction: Rule<string[]> = (origins, helpers) =>
  origins.some((origin) => origin.startsWith('http:') && !isLoopbackName(new URL(origin).hostname))
    ? helpers.error('origin.plain')
    : origins;

/** An http or https URL without what a base of other URLs can not have (RFC 8414 §2 for an issuer). */
export const plainUrl: Rule<string> = (value, helpers) => {
  const url = /^https?:\/\//.test(value) ? parseUrl(value) : undefined;
  const isPlain = url !== undefined && !/[?#\s]/.test(value) && url.username === '' && url.password === '';
  return isPlain ? value : helpers.error('url.inexact');
};

export const publicHttps: Rule<string> = (value, helpers) => {
  const url = parseUrl(value);
  return url?.protocol === 'https:' && !isLoopbackName(url.hostname) ? value : helpers.error('url.private');
};

export const smtpUrl: Rule<string> = (value, helpers) => {
  const url = /^smtps?:\/\//.test(value) ? parseUrl(value) : undefined;
  const isPlain =
    url !== undefined &&
    url.hostname !== '' &&
    /^\/?$/.test(url.pathname) &&
    /^(\?tls=(none|starttls))?$/.test(url.search) &&
    url.hash === '' &&
    canBeDecoded(url.username + url.password);
  return isPlain ? value : helpers.error('smtp.unreadable');
};

/** Reports whether every percent sign begins an encoded character. */
export function canBeDecoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** Refuses ROLES that cannot be read, and a role whose scopes alone do not fit an access token. */
export const assignableRoles: Rule<string> = (value, helpers) => {
  const roles = readRoles(value);
  if (roles === undefined) return helpers.error('roles.unreadable');
  const tooLong = Object.keys(roles).find((role) => createRoles(roles).faultOf([role]) !== undefined);
  return tooLong === undefined ? value : helpers.error('roles.too_long', { role: tooLong });
};

export const sender: Rule<string> = (value, helpers) => (readMailbox(value) ? value : helpers.error('mail.unreadable'));

/** What a role may be called. */
const ROLE_NAME = /^[a-z][a-z0-9_-]{0,31}$/;
/** RFC 6749 §3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,64}$/;
/** The roles that are always there; each has the scope of its name, which no other may have. */
export const BUILT_IN_ROLES = ['user', 'admin'] as const;

/** Reads ROLES and returns the scopes of each role; undefined where the text is not such JSON. */
export function readRoles(text: string): Record<string, string[]> | undefined {
  const parsed = parseJson(text);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
  const entries = Object.entries(parsed).map(
    ([role, scopes]: [string, unknown]) => [role, isScopes(role, scopes) ? scopes : undefined] as const,
  );
  const readable = entries.flatMap(([role, scopes]) => (ROLE_NAME.test(role) && scopes !== undefined ? [[role, scopes] as const] : []));
  return readable.length === entries.length ? Object.fromEntries(readable) : undefined;
}

const isScopes = (role: string, scopes: unknown): scopes is string[] =>
  Array.isArray(scopes) &&
  scopes.every((scope) => typeof scope === 'string' && SCOPE.test(scope) && !BUILT_IN_ROLES.some((one) => one === scope && one !== role));

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
