import type { Sequelize } from 'sequelize';
import { defineRevocation, type RevocationModel } from './revocation.model.js';
import { defineServiceKey, type ServiceKeyModel } from './service-key.model.js';
import { defineSession, type SessionModel } from './session.model.js';
import { defineSigningKey, type SigningKeyModel } from './signing-key.model.js';
import { defineUser, type UserModel } from './user.model.js';

export interface Models {
  readonly User: UserModel;
  readonly Session: SessionModel;
  readonly Revocation: RevocationModel;
  readonly SigningKey: SigningKeyModel;
  readonly ServiceKey: ServiceKeyModel;
}

/** The models of one database. */
export function createModels(sequelize: Sequelize): Models {
  return {
    User: defineUser(sequelize),
    Session: defineSession(sequelize),
    Revocation: defineRevocation(sequelize),
    SigningKey: defineSigningKey(sequelize),
    ServiceKey: defineServiceKey(sequelize),
  };
}
