import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'dotenv';
import { distance } from 'fastest-levenshtein';
import { errorCode } from '../src/lib/error-code.js';
import { ConfigError } from './config-error.js';
import { SECRET_SETTINGS, SETTING_NAMES } from './setting-names.js';
import type { Settings } from './settings.js';

/** What a program may give as a setting's value. */
export type SettingValue = string | number | readonly string[] | Readonly<Record<string, readonly string[]>>;

type SettingName = keyof Settings | `${keyof Settings}_FILE`;

/** Settings by their names in the environment; a program may give numbers, lists and the object of ROLES as such. */
export type SettingsInput = Readonly<Partial<Record<SettingName, SettingValue | null | undefined>>>;

/**
 * Reads the process's environment over the `.env` file of the working directory (absent: none). An empty variable counts as
 * absent, so it hides no line of the file. Throws ConfigError where the file can't be read, or cuts or misquotes a value.
 */
export function readEnvironment(): Readonly<Record<string, string | undefined>> {
  const given = Object.entries(process.env).filter(([, value]) => value?.trim() !== '');
  return { ...readEnvFile(), ...Object.fromEntries(given) };
}

function readEnvFile(): Record<string, string> {
  if (!existsSync('.env')) return {};
  const source = readSource();
  const values = parse(source);
  const faults = source.split(/\r?\n/).flatMap((line) => lineFault(line, values));
  if (faults.length > 0) throw new ConfigError(faults);
  return values;
}

function readSource(): string {
  try {
    return readFileSync('.env', 'utf8');
  } catch (error) {
    throw new ConfigError([`.env can't be read (${errorCode(error)}). Make it a file that this user may read, or remove it`]);
  }
}

const LINE = /^\s*(?:export\s+)?(?<name>[\w.-]+)\s*=\s*(?<raw>.*?)\s*$/;
const QUOTE = /^["'`]/;

/** The ways in which dotenv takes another value than the line shows. */
function lineFault(line: string, values: Readonly<Record<string, string>>): string[] {
  const { name = '', raw = '' } = LINE.exec(line)?.groups ?? {};
  const value = values[name];
  if (!isSetting(name) || value === undefined || value === '') return [];
  if (QUOTE.test(raw) && value.startsWith(raw.slice(0, 1))) return [`${name} has a quotation mark in .env that is not closed. Close it`];
  if (!QUOTE.test(raw) && raw.startsWith(`${value}#`))
    return [`${name} is cut at its # in .env. Put the value in quotes, or a space before a comment`];
  return [];
}

const isSetting = (name: string): boolean => SETTING_NAMES.includes(name) || isSecretFile(name);
const isSecretFile = (name: string): boolean => SECRET_SETTINGS.some((secret) => name === `${secret}_FILE`);

/** The settings as texts without white space around them, and what is wrong with how they are written. */
export interface GivenSettings {
  readonly texts: Readonly<Record<string, string>>;
  /** By the setting. */
  readonly faults: ReadonlyMap<string, string>;
  /** Names that are not settings but close to one. */
  readonly notices: readonly string[];
}

/** Reads settings as texts. Empty ones are left out. */
export function readGiven(environment: SettingsInput): GivenSettings {
  const texts = Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) => {
      const text = textOf(value).trim();
      return text === '' ? [] : [[name, text]];
    }),
  );
  const quoted = SETTING_NAMES.filter((name) => /^(["'`]).*\1$/s.test(texts[name] ?? ''));
  const faults = quoted.map(
    (name) =>
      [name, `${name} must be without the quotation marks around it: outside .env they are part of the value. Remove them`] as const,
  );
  return { texts, faults: new Map(faults), notices: Object.keys(texts).flatMap((name) => misspelt(name, texts)) };
}

function textOf(value: SettingValue | null | undefined): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  return isList(value) ? value.join(',') : JSON.stringify(value);
}

const isList = (value: object): value is readonly string[] => Array.isArray(value);

/** Short names are close to those of many other programs: `PORTS`, or `API_URL` to `APP_URL`, where only a letter more or less counts. */
const SHORT_NAME = 6;
const LONG_NAME = 10;

function misspelt(name: string, texts: Readonly<Record<string, string>>): string[] {
  if (isSetting(name) || !/^[A-Z][A-Z_]+$/.test(name)) return [];
  const meant = SETTING_NAMES.find((known) => texts[known] === undefined && isClose(name, known));
  return meant === undefined ? [] : [`${name} is not a setting and has no effect. Use ${meant}, if that is what it should set`];
}

const isClose = (name: string, known: string): boolean =>
  known.length >= LONG_NAME
    ? distance(name, known) <= 2
    : known.length >= SHORT_NAME && name.length !== known.length && distance(name, known) === 1;
