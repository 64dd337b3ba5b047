import type { Migration, MigrationContext } from './migration.js';

/** Longer settings are cut: PostgreSQL indexes at most some 2,700 bytes of a row. */
const SETTING_CHARACTERS = 256;

/**
 * SQL for the setting of a stored hash: what precedes its salt and digest, and its length. The empty text for a hash of no
 * known format, and null where there is no hash. The index holds this expression, so a query must use the same text.
 */
export function hashSettingSql(dialect: 'sqlite' | 'postgres'): string {
  const position = dialect === 'postgres' ? 'strpos' : 'instr';
  const behind = (dollars: number): string =>
    dollars === 0 ? 'hashed_password' : `substr(${behind(dollars - 1)}, ${position}(${behind(dollars - 1)}, '$') + 1)`;
  const between = (from: number, to: number): string => `substr(${behind(from)}, 1, length(${behind(from)}) - length(${behind(to)}))`;
  const like = (...patterns: string[]): string => patterns.map((pattern) => `hashed_password LIKE '${pattern}'`).join(' OR ');
  const setting = (sql: string): string => `substr(${sql}, 1, ${SETTING_CHARACTERS}) || '/' || length(hashed_password)`;
  const cases = `CASE
    WHEN ${like('$2_$%')} THEN ${setting('substr(hashed_password, 1, 7)')}
    WHEN ${like('pbkdf2_sha%')} THEN ${setting(between(0, 2))}
    WHEN ${like('$bcrypt-sha256$%', '$pbkdf2%', '$scrypt%', '$fbscrypt$%')} THEN ${setting(between(0, 3))}
    WHEN ${like('$argon2i%', 'argon2$argon2i%', 'bcrypt$$2_$%', 'bcrypt_sha256$$2_$%')} THEN ${setting(between(0, 4))}
    WHEN ${like('scrypt$%')} THEN ${setting(`${between(0, 2)} || ${between(3, 5)}`)}
    WHEN hashed_password IS NOT NULL THEN ''
    END`;
  // By bytes, so that the order is the same under every locale.
  return dialect === 'postgres' ? `(${cases}) COLLATE "C"` : `(${cases})`;
}

const INDEX = 'auth_users_hash_settings';

async function up({ sequelize, transaction }: MigrationContext): Promise<void> {
  const dialect = sequelize.getDialect() === 'postgres' ? 'postgres' : 'sqlite';
  await sequelize.query(`CREATE INDEX ${INDEX} ON users ((${hashSettingSql(dialect)}))`, { transaction });
}

async function down({ sequelize, transaction }: MigrationContext): Promise<void> {
  await sequelize.query(`DROP INDEX ${INDEX}`, { transaction });
}

export const indexHashSettings: Migration = { name: '20261130-index-hash-settings', up, down };
