/** The two columns, or members, in front of rejected records. */

/** The number of the record in the batch that it was refused in. */
export const numberMember = "_record";
/** What is wrong with it. */
export const textMember = "_errors";

/** What `_errors` says in the last row, which is no record: the report of errors had no room for more. */
export const moreText = (unlisted: number): string => `${unlisted} more rejected records are not listed.`;

const MORE = /^\s*\d+ more rejected records are not listed\.\s*$/;
export const isMoreText = (text: string): boolean => MORE.test(text);
