const REPLACEMENT = "\uFFFD";

/** A text as every database keeps and answers it: with nothing for NUL and halves of surrogate pairs but the sign of a lost character. */
export const storable = (text: string): string => text.toWellFormed().replaceAll("\0", REPLACEMENT);

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Whether a row can have this id. A database with a type for ids refuses any other text, and takes capitals for small letters:
 * it is not asked for either.
 */
export const isUuid = (text: string): boolean => UUID.test(text);
