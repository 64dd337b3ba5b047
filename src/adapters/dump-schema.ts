import type { OurTables } from './backup-marks.js';
import type { SchemaReference } from './schema-reference.js';

const NAME = '(?:"[^"]+"|\\w+)';
const TEXT = "'[^'\\\\]*'";
const TYPE =
  '(?:integer|bigint|smallint|boolean|text|json|jsonb|character varying(?:\\(\\d+\\))?|timestamp(?:\\(\\d+\\))? with(?:out)? time zone)';
const CONSTANT = `(?:${TEXT}(?:::${TYPE})?|-?\\d+|true|false)`;
const KEYWORD = '(?:CASE|WHEN|THEN|ELSE|END|IS|NOT|NULL|AND|OR|COALESCE|WHERE)\\b';
/** What indexes of ours call; with the empty `search_path` of a dump these names are PostgreSQL's own. */
const FUNCTION = '(?:substr|strpos|length)\\(';
/** Columns of an index and its condition: names, constants, operators and those functions. */
const EXPRESSION = new RegExp(
  `^(?:${TEXT}|::${TYPE}|COLLATE "[\\w.-]+"|${KEYWORD}|${FUNCTION}|(?!${KEYWORD}|COLLATE )\\w+\\b(?! ?\\()|[(), ]|\\|\\||~~|[=<>+-])*$`,
);

/** Where the parts of a statement are, and what they must be, besides its form. */
interface Form {
  readonly pattern: RegExp;
  readonly isOurs: (groups: Readonly<Record<string, string | undefined>>) => boolean;
}

/**
 * Names the statements of a dump that are not what `pg_dump` writes of the tables, columns, indexes and sequences that the
 * migrations make. A statement runs with the rights of the service, so that everything is foreign that is not known.
 */
export function foreignStatementsIn(script: string, ours: OurTables, reference: SchemaReference): string[] {
  const forms = formsOf(ours, reference);
  return script.split(/;\s*(?:\n|$)/).flatMap((part) => {
    const statement = part.replace(/^(?:--[^\n]*(?:\n|$)|\s)*/, '');
    if (statement === '') return [];
    const text = statement.replace(/\s+/g, ' ').trim();
    const known = forms.some(({ pattern, isOurs }) => {
      const found = pattern.exec(text);
      return found !== null && isOurs(found.groups ?? {});
    });
    return known ? [] : [shorten(text)];
  });
}

const SHOWN_CHARACTERS = 80;
const shorten = (text: string): string => (text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text);
const unquoted = (name = ''): string => name.replace(/^"(.*)"$/, '$1');
const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

function formsOf({ schema = '', names }: OurTables, { objects, columns }: SchemaReference): readonly Form[] {
  const place = `(?:${escaped(schema)}|"${escaped(schema)}")\\.`;
  const table = `${place}(?<table>${NAME})`;
  const sequence = `${place}(?:"\\w+"|\\w+)`;
  const list = `\\((?<columns>${NAME}(?:, ${NAME})*)\\)`;
  const isTable = (name: string | undefined): boolean => names.includes(unquoted(name));
  const hasColumns = ({ table: name, columns: found = '' }: Readonly<Record<string, string | undefined>>): boolean =>
    isTable(name) && found.split(', ').every((column) => columns.get(unquoted(name))?.has(unquoted(column)));
  const form = (pattern: string, isOurs: Form['isOurs'] = () => true): Form => ({ pattern: new RegExp(`^${pattern}$`), isOurs });
  const column = new RegExp(`^(${NAME}) ${TYPE}(?: DEFAULT ${CONSTANT})?(?: NOT NULL)?$`);
  return [
    form("SET (?:client_encoding = 'UTF8'|standard_conforming_strings = on|check_function_bodies = false|xmloption = content)"),
    form("SET (?:client_min_messages = warning|row_security = off|default_tablespace = ''|default_table_access_method = heap)"),
    form("SELECT pg_catalog\\.set_config\\('search_path', '', false\\)"),
    form(`CREATE TABLE ${table} \\((?<body>.*)\\)`, ({ table: name, body = '' }) =>
      body.split(/,(?![^(]*\))/).every((line) => hasColumns({ table: name, columns: column.exec(line.trim())?.[1] ?? '-' })),
    ),
    form(`CREATE SEQUENCE ${sequence}[\\w ]*`),
    form(`ALTER SEQUENCE ${sequence} OWNED BY ${table}\\.(?<columns>${NAME})`, hasColumns),
    form(`ALTER TABLE ONLY ${table} ALTER COLUMN (?<columns>${NAME}) SET DEFAULT nextval\\('${sequence}'::regclass\\)`, hasColumns),
    form(`ALTER TABLE ONLY ${table} ADD CONSTRAINT ${NAME} (?:UNIQUE|PRIMARY KEY) ${list}`, hasColumns),
    form(
      `ALTER TABLE ONLY ${table} ADD CONSTRAINT ${NAME} FOREIGN KEY ${list} REFERENCES ${place}(?<other>${NAME})\\(${NAME}\\)(?: ON (?:DELETE|UPDATE) (?:CASCADE|SET NULL))*`,
      (groups) => hasColumns(groups) && isTable(groups['other']),
    ),
    form(
      `CREATE (?:UNIQUE )?INDEX (?<name>${NAME}) ON ${table} USING btree \\((?<on>.*)\\)`,
      ({ name, table: on, on: expression = '' }) => isTable(on) && objects.has(`index ${unquoted(name)}`) && EXPRESSION.test(expression),
    ),
    form(`SELECT pg_catalog\\.setval\\('${sequence}', \\d+, (?:true|false)\\)`),
  ];
}
