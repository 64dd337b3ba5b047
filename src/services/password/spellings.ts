/** In UTF-16 units. Longer passwords are taken as sent, as ordering marks takes time that grows with the square of their number. */
const LONGEST_NORMALIZED = 1024;

/**
 * Returns a password as sent and, where they differ from it, in NFC and NFD: what keyboards of other systems send for the same
 * password. The number depends on the password alone.
 */
export function spellingsOf(password: string): readonly string[] {
  if (password.length > LONGEST_NORMALIZED) return [password];
  return [...new Set([password, password.normalize('NFC'), password.normalize('NFD')])];
}
