// jsdom under Jest hides it. Where an environment of a browser keeps what Node has, as under Vitest, the kit works.
if (typeof TextEncoder === 'undefined') {
  throw new Error(
    'lingomate-auth/testing runs in Node, and this is an environment of a browser. Under Jest, begin the test file with: /** @jest-environment node */',
  );
}
