const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Reads a UUID in either case and returns it in lower case, as it is stored (RFC 9562 §4); undefined for any other text. */
export const readUuid = (text: string): string | undefined => (UUID.test(text) ? text.toLowerCase() : undefined);

/** Whether a text is a UUID exactly as this service writes it, as in its own tokens: in lower case. */
export const isUuid = (text: string): boolean => readUuid(text) === text;
