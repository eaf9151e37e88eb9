const REPLACEMENT = "\uFFFD";

/** A text as every database keeps and answers it: with nothing for NUL and halves of surrogate pairs but the sign of a lost character. */
export const storable = (text: string): string => text.toWellFormed().replaceAll("\0", REPLACEMENT);
