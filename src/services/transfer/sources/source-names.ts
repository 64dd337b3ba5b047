/** What an import of text may be told that it reads. The FastAPI original's file is a database, and not among them. */
export const TEXT_SOURCES = ['lines', 'csv', 'supabase', 'keycloak', 'better-auth', 'firebase', 'django'] as const;
export type TextSource = (typeof TEXT_SOURCES)[number];
