import type { TransferController } from '../controllers/transfer.controller.js';
import { exportedUserLine, importQuery, importResultLine, importText, LINES_TYPE } from '../validators/transfer.validator.js';
import { LIMIT } from './limits.js';
import { type Route, userHandler, userTextHandler } from './route.js';

export const transferRoutes = ({ importUsers, exportUsers }: TransferController): Route[] => [
  {
    method: 'post',
    path: '/admin/users/import',
    guard: { scope: 'admin' },
    recent: true,
    handler: userTextHandler({ text: importText, query: importQuery, limit: LIMIT.administration }, importUsers),
    id: 'importUsers',
    tag: 'Administration',
    summary: 'Import users',
    description:
      'JSON lines or CSV, or an export of Supabase Auth, Keycloak, better-auth or Django, of up to 10 MB. A bad record keeps no other from being added, and who is there stays as they are, so that it can be sent again. `docs/import.md` tells the forms.',
    replies: {
      200: {
        description: 'What became of each record, a line each, in their order.',
        schema: importResultLine,
        type: LINES_TYPE,
        lines: true,
      },
    },
  },
  {
    method: 'get',
    path: '/admin/users/export',
    guard: { scope: 'admin' },
    recent: true,
    handler: userHandler({}, exportUsers),
    id: 'exportUsers',
    tag: 'Administration',
    summary: 'Export users',
    description: 'In the form that an import reads, without their passwords’ hashes, which only the command line gives out.',
    replies: { 200: { description: 'Every user, a line each, by id.', schema: exportedUserLine, type: LINES_TYPE, lines: true } },
  },
];
