// Jest's CommonJS mode and Node before 20.19 resolve `require` to this file: neither can load an ES module that way.
const message =
  'lingomate-auth is an ES module, and require() cannot load it here. ' +
  'Under Jest, run: node --experimental-vm-modules node_modules/jest/bin/jest.js, and use import in an ES module ' +
  '(a .mjs file, or "type": "module"). Elsewhere use import or await import(), or Node 20.19 or later.';

throw Object.assign(new Error(message), { code: 'ERR_REQUIRE_ESM' });
