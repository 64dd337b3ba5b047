const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whether a text is a UUID as we write them: in lower case (RFC 9562 §4). */
export const isUuid = (text: string): boolean => UUID.test(text);
