import { describeManyRecords } from '../../support/many-records.js';

describeManyRecords(50_000, 600_000);
