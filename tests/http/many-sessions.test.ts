import { describeManySessions } from '../support/many-sessions.js';

// At 100,000 rows: tests/attacks/timed/many-sessions.test.ts.
describeManySessions(1000, 60_000);
