import type { User } from '../../models/user.model.js';

/** What protects an account beside its password. */
export interface AccountFactors {
  /** A confirmed second factor or a passkey. */
  readonly hasFactor: boolean;
  /** An account at an identity provider that is linked. */
  readonly hasIdentity: boolean;
}

/** Looks up the factors of an account. */
export type FactorsOf = (user: Pick<User, 'id'>) => AccountFactors;

const NONE: AccountFactors = { hasFactor: false, hasIdentity: false };

/** No account has factors or identities: nothing enrols them yet. */
export const noFactors: FactorsOf = () => NONE;
