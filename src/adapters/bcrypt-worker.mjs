// Runs in a worker thread, so that no hash holds up the event loop. Plain JavaScript, as a thread loads its file without
// whatever translates TypeScript in the main one.
import { timingSafeEqual } from 'node:crypto';
import { setPriority } from 'node:os';
import bcrypt from 'bcryptjs';

// On Linux a priority belongs to the calling thread: requests that hash nothing come before hashes. Elsewhere it
// would slow the whole process.
if (process.platform === 'linux') setPriority(0, 19);

/**
 * One bcrypt digest; or, with `expected`, whether the digest is that. Where it is not, the padding salts are worked
 * through too, so that a cheap hash costs a wrong guess as much as a dear one.
 * @param {{ secret: string, salt: string, expected?: string, padding?: string[] }} task
 * @returns {string | boolean}
 */
export default function work({ secret, salt, expected, padding = [] }) {
  const digest = bcrypt.hashSync(secret, salt);
  if (expected === undefined) return digest;
  const equal = digest.length === expected.length && timingSafeEqual(Buffer.from(digest), Buffer.from(expected));
  if (!equal) for (const further of padding) bcrypt.hashSync(secret, further);
  return equal;
}
