import { describeManyRecords } from '../../support/many-records.js';

// At 100,000 records: tests/attacks/timed/many-records.test.ts.
describeManyRecords(2000, 60_000);
