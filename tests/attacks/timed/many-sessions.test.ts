import { describeManySessions } from '../../support/many-sessions.js';

describeManySessions(50_000, 600_000);
