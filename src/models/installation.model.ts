import { DataTypes, type InferAttributes, type InferCreationAttributes, Model, type Sequelize } from 'sequelize';

/** The id of the one row. */
export const INSTALLATION_ID = 1;

/** Facts about the database as a whole; one row. */
export class Installation extends Model<InferAttributes<Installation>, InferCreationAttributes<Installation>> {
  declare id: number;
  /** Identifies the ROOT_KEY that the database is used with, and reveals nothing of it. */
  declare root_key_fingerprint: string;
}

/** Makes the Installation model of one database. */
export function defineInstallation(sequelize: Sequelize): InstallationModel {
  class OwnInstallation extends Installation {}
  OwnInstallation.init(
    { id: { type: DataTypes.INTEGER, primaryKey: true }, root_key_fingerprint: { type: DataTypes.TEXT, allowNull: false } },
    { sequelize, tableName: 'auth_installation', timestamps: false },
  );
  return OwnInstallation;
}

export type InstallationModel = typeof Installation;
