import addFormats from 'ajv-formats';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import express, { type Express } from 'express';

type JsonObject = Record<string, unknown>;
const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);
const at = (value: unknown, ...path: string[]): unknown =>
  path.reduce((inner: unknown, name) => (isObject(inner) ? inner[name] : undefined), value);

/** Statuses that any address may answer with, before or beside what its route says. */
const ANYWHERE = new Set([400, 404, 405, 406, 408, 431, 500, 503]);

/**
 * The same app, watched: every answer that leaves it is held against the OpenAPI document that it gives of itself.
 * `violations` collects what does not fit.
 */
export function watched(app: Express, document: unknown): { app: Express; violations: string[] } {
  const violations: string[] = [];
  const judge = createJudge(document);
  const outer = express();
  outer.disable('x-powered-by');
  outer.use((req, res, next) => {
    const chunks: Buffer[] = [];
    const [write, end] = [res.write.bind(res), res.end.bind(res)];
    res.write = (...given: unknown[]) => {
      const [chunk] = given;
      if (typeof chunk === 'string' || Buffer.isBuffer(chunk)) chunks.push(Buffer.from(chunk));
      return Boolean(Reflect.apply(write, res, given));
    };
    res.end = (...given: unknown[]) => {
      const [chunk] = given;
      if (typeof chunk === 'string' || Buffer.isBuffer(chunk)) chunks.push(Buffer.from(chunk));
      const fault = judge(
        req.method,
        req.path,
        res.statusCode,
        String(res.getHeader('content-type') ?? ''),
        Buffer.concat(chunks).toString(),
      );
      if (fault !== undefined) violations.push(`${req.method} ${req.path} ${res.statusCode}: ${fault}`);
      Reflect.apply(end, res, given);
      return res;
    };
    next();
  });
  outer.use(app);
  return { app: outer, violations };
}

/** Says what of an answer does not fit the document; undefined where all of it does. */
export function createJudge(
  document: unknown,
): (method: string, path: string, status: number, type: string, body: string) => string | undefined {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema({ $id: 'api', ...(isObject(document) ? document : {}) });
  const compiled = new Map<string, ValidateFunction>();
  const paths = at(document, 'paths');
  const templates = Object.keys(isObject(paths) ? paths : {});

  const fits = (ref: string, body: string): string | undefined => {
    const validate = compiled.get(ref) ?? ajv.compile({ $ref: `api${ref}` });
    compiled.set(ref, validate);
    return validate(JSON.parse(body)) ? undefined : ajv.errorsText(validate.errors);
  };
  return (method, path, status, type, body) => {
    if (/<(!doctype|html)/i.test(body) && status >= 400) return 'an error in HTML';
    // No document has it; who can't be answered otherwise is answered as anywhere.
    if (method === 'OPTIONS' && status === 204) return body === '' ? undefined : 'a body in the answer to OPTIONS';
    // Its description is at the path that it leads to, as a document has one spelling of a path.
    if (path.endsWith('/docs/') && status === 308) return body === '' ? undefined : 'a body in a redirect';
    const template =
      templates.find((one) => one === path) ?? templates.find((one) => new RegExp(`^${one.replace(/\{\w+\}/g, '[^/]+')}$`).test(path));
    const operation = template === undefined ? undefined : at(paths, template, method === 'HEAD' ? 'get' : method.toLowerCase());
    const response = at(operation, 'responses', String(status));
    if (response === undefined) {
      if (!ANYWHERE.has(status)) return 'this status is not documented';
      const shape = type.startsWith('application/json') ? 'OAuthProblem' : 'Problem';
      return method === 'HEAD' ? undefined : fits(`#/components/schemas/${shape}`, body);
    }
    const content = at(response, 'content');
    if (content === undefined) return body === '' ? undefined : 'a body where none is documented';
    const media = type.split(';')[0] ?? '';
    if (at(content, '*/*') !== undefined || (media === 'text/html' && at(content, media) !== undefined)) return undefined;
    const lineRef = at(content, media, 'schema', 'items', '$ref');
    if (media === 'application/x-ndjson' && typeof lineRef === 'string') {
      const faults = body.split('\n').map((line) => (line === '' ? undefined : fits(lineRef, line)));
      return faults.find((fault) => fault !== undefined);
    }
    const ref = at(content, media, 'schema', '$ref');
    if (typeof ref !== 'string') return `${media} is not documented`;
    return method === 'HEAD' ? undefined : fits(ref, body);
  };
}
