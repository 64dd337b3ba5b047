import fc, { type Arbitrary } from 'fast-check';
import { entriesOf, member } from './answers.js';
import { KNOWN, type KnownKind, type KnownName } from './known-things.js';

/** Something that is there when a request is sent, by its name: generated values stay the same from run to run, tokens don't. */
export class Known {
  constructor(readonly name: KnownName) {}
}
/** A piece of JSON that `JSON.stringify` would not write, such as a number beyond all range. */
export class Literal {
  constructor(readonly text: string) {}
}
/** An object as it is written: a name may stand there twice, and any name is one. */
export class Members {
  constructor(readonly list: readonly (readonly [name: string, value: Sent])[]) {}
}
/** A value in a JSON text that is to be sent. */
export type Sent = string | number | boolean | null | Known | Literal | Members | readonly Sent[];

/** What a name stands for. */
export type Lookup = (name: KnownName) => string;

/** The text of a value. */
export function writeJson(value: Sent, lookup: Lookup): string {
  if (value instanceof Known) return JSON.stringify(lookup(value.name));
  if (value instanceof Literal) return value.text;
  if (value instanceof Members)
    return `{${value.list.map(([name, one]) => `${JSON.stringify(name)}:${writeJson(one, lookup)}`).join(',')}}`;
  return isList(value) ? `[${value.map((one) => writeJson(one, lookup)).join(',')}]` : JSON.stringify(value);
}

const isList = (value: Sent): value is readonly Sent[] => Array.isArray(value);

/** Text that has been somebody's undoing: ends of strings, directions, look-alikes, joiners, other languages' syntax. */
export const ODD_TEXT = [
  '',
  ' ',
  '\0',
  'ada\0root',
  '\ud800',
  'ada\udfff',
  '\u202eadmin\u202c',
  'ad\u200bmin',
  '\ufeffada',
  'ＡＤＡ',
  'İ',
  '\uffff',
  '\u{10ffff}',
  'x\r\nSet-Cookie: a=b',
  "' OR 1=1 --",
  '%_%',
  '../../etc/passwd',
  '<script>alert(1)</script>',
  '__proto__',
  'null',
  '🏴‍☠️'.repeat(64),
  // One character that is eighteen after NFKC; one that carries marks without end.
  'ﷺ'.repeat(64),
  `e${'\u0301'.repeat(500)}`,
  'x'.repeat(5000),
] as const;

const DEEP = 200;
const NUMBERS = ['1e400', '-1e400', '-0', '9007199254740993', '1'.repeat(400), '2147483648', '1.5', '-1', '0'] as const;
/** Members that a careless service would take. */
const EXTRA = ['__proto__', 'constructor', 'id', 'role', 'roles', 'is_admin', 'created_at', 'hashed_password', 'email_verified', '', 'x'];

export const oddText: Arbitrary<string> = fc.oneof(
  fc.constantFrom(...ODD_TEXT),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 80 }),
);

const ofAnotherKind: Arbitrary<Sent> = fc.oneof(
  fc.constantFrom<Sent>(null, true, false, [], new Members([]), ['x'], new Members([['x', 'y']])),
  fc.constantFrom(...NUMBERS).map((text) => new Literal(text)),
  fc.constantFrom(10, DEEP).map((depth) => new Literal('['.repeat(depth) + ']'.repeat(depth))),
);

/** What a member may be about, by its name: what is known of that kind takes a request further than any made-up text. */
export function kindOf(name: string): KnownKind | undefined {
  if (name.includes('password')) return 'password';
  if (/token|secret/.test(name)) return 'token';
  if (name.includes('code')) return 'code';
  if (/mail|^to$/.test(name)) return 'email';
  if (/name|identifier|^q$/.test(name)) return 'username';
  return /id$|^user$|^actor$/.test(name) ? 'id' : undefined;
}

/** Whether what stands there must never come back. */
export const isSecret = (name: string): boolean => ['password', 'token', 'code'].includes(kindOf(name) ?? '') && name !== 'token_type_hint';

export const known = (kind: KnownKind): Arbitrary<Known> => fc.constantFrom(...KNOWN[kind]).map((name) => new Known(name));

/** Of any kind; but no secret where it could become what somebody is called. */
const aKnown = (name: string): Arbitrary<Known> =>
  isSecret(name) ? fc.oneof(known('token'), known('code'), known('id')) : fc.oneof(known('id'), known('email'), known('username'));

/** The schemas of one OpenAPI document. */
export interface Schemas {
  /** A value that the schema takes. */
  fitting(schema: unknown, name?: string): Arbitrary<Sent>;
  /** A value that the schema might have taken: something is left out, doubled, too long, of another type, or strange. */
  near(schema: unknown, name?: string): Arbitrary<Sent>;
}

/** Reads what Joi's schemas become; a keyword that it doesn't know it takes as no restriction. */
export function createSchemas(document: unknown): Schemas {
  const resolve = (schema: unknown): unknown => {
    const ref = member(schema, '$ref');
    return typeof ref === 'string' ? member(document, ...ref.replace('#/', '').split('/')) : schema;
  };
  const fitting = (given: unknown, name = ''): Arbitrary<Sent> => {
    const schema = resolve(given);
    const anyOf = listOf(member(schema, 'anyOf'));
    if (anyOf.length > 0) return fc.oneof(...anyOf.map((one) => fitting(one, name)));
    const constant = member(schema, 'const');
    const allowed = constant === undefined ? listOf(member(schema, 'enum')) : [constant];
    if (allowed.length > 0) return fc.constantFrom(...allowed.map(asSent));
    const types = [member(schema, 'type')].flat();
    return fc.oneof(...types.map((type) => ofType(type, schema, name)));
  };
  const ofType = (type: unknown, schema: unknown, name: string): Arbitrary<Sent> => {
    if (type === 'string') return textOf(schema, name);
    if (type === 'integer' || type === 'number')
      return fc.integer({ min: numberAt(schema, 'minimum', -5), max: numberAt(schema, 'maximum', 500) });
    if (type === 'boolean') return fc.boolean();
    if (type === 'null') return fc.constant(null);
    if (type === 'array') return fc.oneof(exampleOf(schema), fc.array(fitting(member(schema, 'items') ?? {}, name), { maxLength: 3 }));
    return type === 'object' ? membersOf(schema).map((list) => new Members(list)) : fc.oneof(oddText, ofAnotherKind);
  };
  const membersOf = (schema: unknown): Arbitrary<(readonly [string, Sent])[]> => {
    const required = listOf(member(schema, 'required'));
    const one = ([name, inner]: [string, unknown]): Arbitrary<(readonly [string, Sent])[]> => {
      const there = fitting(inner, name).map((value) => [[name, value]] satisfies [string, Sent][]);
      return required.includes(name) ? there : fc.option(there, { nil: [] });
    };
    return fc.tuple(...propertiesOf(schema).map(one)).map((lists) => lists.flat());
  };
  const near = (given: unknown, name = ''): Arbitrary<Sent> => {
    const schema = resolve(given);
    const anyOf = listOf(member(schema, 'anyOf'));
    if (anyOf.length > 0) return fc.oneof(...anyOf.map((one) => near(one, name)));
    if (propertiesOf(schema).length > 0) return membersOf(schema).chain((list) => spoilt(list, schema, near));
    return fc.oneof(ofAnotherKind, oddText, boundary(schema), aKnown(name));
  };
  return { fitting, near };
}

/** The same members with one thing wrong. */
function spoilt(list: (readonly [string, Sent])[], schema: unknown, near: Schemas['near']): Arbitrary<Sent> {
  const names = propertiesOf(schema);
  const without = (name: string): (readonly [string, Sent])[] => list.filter(([one]) => one !== name);
  return fc
    .oneof(
      fc.constantFrom(...names).map(([name]) => without(name)),
      fc.constantFrom(...names).chain(([name, inner]) => near(inner, name).map((value) => [...without(name), [name, value] as const])),
      fc.tuple(fc.oneof(fc.constantFrom(...EXTRA), oddText), fc.oneof(oddText, ofAnotherKind)).map((extra) => [...list, extra]),
      fc.constant([...list, ...list]),
    )
    .map((spoiltList) => new Members(spoiltList));
}

function textOf(schema: unknown, name: string): Arbitrary<Sent> {
  const [least, most] = [numberAt(schema, 'minLength', 0), numberAt(schema, 'maxLength', 60)];
  const kind = kindOf(name);
  const format = member(schema, 'format');
  const made =
    format === 'email'
      ? fc.constantFrom('new@example.com', 'Ada@Example.com', 'a.b+c@xn--bcher-kva.example')
      : format === 'date-time'
        ? fc.date({ noInvalidDate: true }).map((date) => date.toISOString())
        : fc.string({ unit: 'binary', minLength: least, maxLength: Math.min(most, least + 60) });
  // An example with something behind it is as good as the example, and new.
  const alike = fc
    .tuple(exampleOf(schema), fc.nat({ max: 9999 }))
    .map(([example, number]) => (typeof example === 'string' && format === undefined ? `${example}${number}` : example))
    .filter((text) => typeof text === 'string' && text.length >= least);
  return fc.oneof(
    ...(kind === undefined ? [] : [{ weight: 6, arbitrary: known(kind) }]),
    ...(listOf(member(schema, 'examples')).length === 0 ? [] : [{ weight: 2, arbitrary: alike }]),
    { weight: 1, arbitrary: made },
  );
}

/** Texts as long as allowed, and one character more or fewer. */
function boundary(schema: unknown): Arbitrary<string> {
  const [least, most] = [numberAt(schema, 'minLength', 1), numberAt(schema, 'maxLength', 64)];
  return fc
    .tuple(fc.constantFrom(least - 1, least, most, most + 1), fc.constantFrom('x', 'é', '🂡', '\u0301'))
    .map(([length, character]) => character.repeat(Math.max(0, length)));
}

export const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const propertiesOf = (schema: unknown): [string, unknown][] => entriesOf(member(schema, 'properties'));

function numberAt(schema: unknown, name: string, otherwise: number): number {
  const value = member(schema, name);
  return typeof value === 'number' ? value : otherwise;
}

function exampleOf(schema: unknown): Arbitrary<Sent> {
  const examples = listOf(member(schema, 'examples'));
  return fc.constantFrom(...(examples.length === 0 ? [''] : examples.map(asSent)));
}

/** A value of the document itself. */
const asSent = (value: unknown): Sent => (typeof value === 'string' ? value : new Literal(JSON.stringify(value)));
