import { tableOf } from '../support/table-config.js';

export default tableOf('attacks');
