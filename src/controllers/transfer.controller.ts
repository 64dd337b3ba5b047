import { type Actor, byUser } from '../lib/actor.js';
import { presentExportedUser, presentImportResult, presentLines } from '../presenters/transfer.presenter.js';
import type { TransferService } from '../services/transfer/transfer.service.js';
import { CONTAINERS, type ImportQuery, LINES_TYPE } from '../validators/transfer.validator.js';
import type { Asked, Reply, SentText } from './reply.js';

const FILE = { 'Content-Disposition': 'attachment; filename="users.jsonl"' };

export function createTransferController({ transfer }: { transfer: TransferService }) {
  return {
    importUsers: ({ body, query }: Asked<SentText, undefined, ImportQuery>, actor: Actor): Reply => {
      const source = { container: CONTAINERS.get(body.type), from: query.from };
      const options = { dryRun: query.dry_run, withoutUnknownHashes: query.without_unknown_hashes, by: byUser(actor) };
      const results = transfer.importText(body.data, source, options);
      return { status: 200, content: { type: LINES_TYPE, data: presentLines(results, presentImportResult) } };
    },
    exportUsers: (_asked: Asked, actor: Actor): Reply => {
      const users = transfer.exportUsers({ withHashes: false, by: byUser(actor) });
      return { status: 200, headers: FILE, content: { type: LINES_TYPE, data: presentLines(users, presentExportedUser) } };
    },
  };
}
export type TransferController = ReturnType<typeof createTransferController>;
