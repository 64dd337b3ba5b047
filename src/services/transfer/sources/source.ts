import type { FieldFault } from '../../../errors/app-error.js';
import type { ImportedUser, Reading } from '../imported-user.js';
import type { MemberReader, Members } from './members.js';

/** How the records of one kind of export are told and read, whether they come as lines, as a table or in a document. */
export interface Source {
  /** Whether a record is of this kind, by the names of its members; in a table those are all there and empty. */
  isRow(row: Members): boolean;
  /** The records in a document; undefined where it is not of this kind. */
  rowsOf(document: unknown): readonly unknown[] | undefined;
  read(row: Members): Reading;
}

/** A user with what is to be said of them, or what was wrong with the record. */
export function readingOf(reader: MemberReader, user: ImportedUser, notes: readonly string[] = []): Reading {
  const faults = [...reader.faults, ...reader.unreadHashes()];
  return faults.length > 0 ? { faults } : { user, ...(notes.length === 0 ? {} : { notes }) };
}

/** The fault of a record as a whole. */
export const recordFault = (message: string): FieldFault => ({ path: '', code: 'format', message });

/** What was told of rights elsewhere says nothing of rights here. */
export const rightsNote = (right: string): string => `${right} is not taken over: give them a role here`;
