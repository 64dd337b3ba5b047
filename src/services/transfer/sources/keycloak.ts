import type { Reading } from '../imported-user.js';
import { keycloakHash } from './hash-forms.js';
import { asMembers, createReader, firstText, isList, isMembers } from './members.js';
import { readingOf, type Source } from './source.js';

/** Members that Keycloak writes for every user; one alone may be another system's. */
const DISTINCTIVE = [
  'enabled',
  'createdTimestamp',
  'credentials',
  'requiredActions',
  'realmRoles',
  'notBefore',
  'disableableCredentialTypes',
];

const isUser = (row: unknown): boolean =>
  isMembers(row) && Object.hasOwn(row, 'username') && DISTINCTIVE.filter((name) => Object.hasOwn(row, name)).length > 1;

/**
 * The users of a Keycloak realm, as `kc.sh export` writes them: a realm, or a file of its users alone. Of an account
 * without an e-mail address the name is what logs in; of one with, both.
 */
export const keycloakSource: Source = {
  isRow: isUser,
  rowsOf: (document) => {
    if (!isMembers(document) || !isList(document['users'])) return undefined;
    return Object.hasOwn(document, 'realm') || document['users'].some(isUser) ? document['users'] : undefined;
  },
  read: (row): Reading => {
    const reader = createReader(row);
    if (reader.text('serviceAccountClientId') !== undefined) return { skipped: 'is the account of a client: nobody logs in with it' };
    const password = passwordOf(row['credentials']);
    const names = [firstText(row, 'firstName'), firstText(row, 'lastName')].filter((name) => name !== undefined);
    const user = {
      username: reader.text('username'),
      email: reader.text('email'),
      emailVerified: reader.flag('emailVerified'),
      displayName: names.length === 0 ? undefined : names.join(' '),
      disabled: reader.flag('enabled') === false,
      createdAt: reader.time('createdTimestamp'),
      passwordHash: password?.hash,
      unreadableHash: password?.fault,
    };
    return readingOf(reader, user, password?.notes);
  },
};

interface Password {
  readonly hash?: string;
  readonly notes?: readonly string[];
  /** Why it cannot be read. */
  readonly fault?: string;
}

const UNKNOWN = 'is of an algorithm that Keycloak does not bring itself, or malformed';

/** A credential has two texts of JSON; before Keycloak 8 what stands in them were members of its own. */
function passwordOf(credentials: unknown): Password | undefined {
  const credential = isList(credentials) ? credentials.find((one) => isMembers(one) && one['type'] === 'password') : undefined;
  if (!isMembers(credential)) return undefined;
  if (typeof credential['value'] === 'string') return { notes: ['its password stands there in clear text, and is not taken over'] };
  const [secret, data] = [asMembers(credential['secretData']) ?? credential, asMembers(credential['credentialData']) ?? credential];
  const value = firstText(secret, 'value', 'hashedSaltedValue');
  const algorithm = firstText(data, 'algorithm');
  if (value === undefined || algorithm === undefined) return { fault: UNKNOWN };
  const iterations = Number(data['hashIterations']);
  const parameters = asMembers(data['additionalParameters']) ?? {};
  const hash = keycloakHash({ algorithm, iterations, value, salt: firstText(secret, 'salt') ?? '', parameters });
  return hash === undefined ? { fault: UNKNOWN } : { hash };
}
