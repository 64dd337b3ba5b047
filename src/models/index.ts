import type { Sequelize } from 'sequelize';
import { defineUser, type UserModel } from './user.model.js';

export interface Models {
  readonly User: UserModel;
}

/** The models of one database. */
export function createModels(sequelize: Sequelize): Models {
  return { User: defineUser(sequelize) };
}
