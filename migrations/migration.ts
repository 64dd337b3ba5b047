import type { QueryInterface, Sequelize, Transaction } from 'sequelize';

/** What a migration works with: everything in one transaction, which the migrator commits. */
export interface MigrationContext {
  readonly sequelize: Sequelize;
  readonly queryInterface: QueryInterface;
  readonly transaction: Transaction;
  /** Tells the operator something that the migration did. */
  readonly report: (line: string) => void;
  /** Keeps a copy of the whole database as it was before this start, and returns where; SQLite files only. */
  readonly keepCopy: () => Promise<string>;
}

/** A step of the schema's history; once released it never changes. */
export interface Migration {
  readonly name: string;
  readonly up: (context: MigrationContext) => Promise<void>;
  readonly down: (context: MigrationContext) => Promise<void>;
}
