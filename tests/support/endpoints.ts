import { entriesOf, member } from './answers.js';
import type { TestApp } from './test-app.js';

/** A line of the API as it tells itself. */
export interface Endpoint {
  /** In capitals. */
  readonly method: string;
  /** With its parameters in braces. */
  readonly path: string;
  /** What the OpenAPI document says of it. */
  readonly operation: unknown;
}

/** Every documented path with each of its methods, so that one that is new is met too. */
export async function documentedEndpoints(auth: Pick<TestApp, 'http'>): Promise<Endpoint[]> {
  const document: unknown = (await auth.http().get('/openapi.json')).body;
  return entriesOf(member(document, 'paths')).flatMap(([path, methods]) =>
    entriesOf(methods).map(([method, operation]): Endpoint => ({ method: method.toUpperCase(), path, operation })),
  );
}
