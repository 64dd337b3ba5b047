import { AppError } from '../../../errors/app-error.js';
import type { Reading } from '../imported-user.js';
import { firebaseHash, type FirebaseParameters } from './hash-forms.js';
import { createReader, isList, isMembers, type Members } from './members.js';
import { readingOf, type Source } from './source.js';

const isRow = (row: Members): boolean => Object.hasOwn(row, 'localId');

/** What `firebase auth:export users.json` writes. Its hashes can be checked with the project's hash parameters alone. */
export const createFirebaseSource = (parameters: FirebaseParameters | undefined): Source => ({
  isRow,
  rowsOf: (document) => {
    const users = isMembers(document) ? document['users'] : document;
    return isList(users) && users.some((user) => isMembers(user) && isRow(user)) ? users : undefined;
  },
  read: (row): Reading => {
    const reader = createReader(row);
    const [hash, salt] = [reader.text('passwordHash'), reader.text('salt')];
    // Users without their passwords would be there, and stay so, by the time somebody finds the parameters.
    if (hash !== undefined && parameters === undefined) throw withoutParameters();
    const passwordHash = hash === undefined || parameters === undefined ? undefined : firebaseHash(hash, salt ?? '', parameters);
    return readingOf(reader, {
      email: reader.text('email'),
      emailVerified: reader.flag('emailVerified'),
      displayName: reader.text('displayName'),
      disabled: reader.flag('disabled'),
      createdAt: reader.time('createdAt'),
      passwordHash,
      unreadableHash: hash !== undefined && passwordHash === undefined ? NOT_BASE64 : undefined,
    });
  },
});

const NOT_BASE64 = 'or its salt, or a hash parameter of the project, is not base64';

const withoutParameters = (): AppError =>
  new AppError('validation_failed', {
    details: {
      detail:
        'These hashes need the project’s hash parameters, which the command line takes: --firebase-signer-key-file or FIREBASE_SIGNER_KEY, --firebase-salt-separator, --firebase-rounds and --firebase-mem-cost',
    },
  });
