/** The two columns, or members, in front of rejected records: the number of each record in its batch, and its errors. */

/** The number of the record in the batch that it was refused in. */
export const numberMember = "_record";
/** What is wrong with it. */
export const textMember = "_errors";

/** Where the two columns stand in a correction's header; negative: nowhere. Case does not count, as with other columns. */
export function reservedPlaces(header: readonly string[]): { number: number; errors: number } {
  const placeOf = (name: string) => {
    const exact = header.indexOf(name);
    return exact >= 0 ? exact : header.findIndex((one) => one.toLowerCase() === name);
  };
  return { number: placeOf(numberMember), errors: placeOf(textMember) };
}

/** The names of the other columns. */
export function withoutReservedColumns(header: readonly string[]): string[] {
  const { number, errors } = reservedPlaces(header);
  return header.filter((_name, place) => place !== number && place !== errors);
}

/** The text of `_errors` in a last row that is no record: the error report had no room for the other rejected records. */
export const moreText = (unlisted: number): string => `${unlisted} more rejected records are not listed.`;

const MORE = /^\s*\d+ more rejected records are not listed\.\s*$/;
export const isMoreText = (text: string): boolean => MORE.test(text);

/** The number in `_record`. Null: it is empty, so the record corrects none. `NO_NUMBER`: its text is not a record's number. */
export type RecordNumber = number | null;
export const NO_NUMBER = 0;

/** The number of a record that is sent back with these errors. The row that counts unlisted records gets `NO_NUMBER`. */
export const correctedNumber = (number: RecordNumber, errors: string): RecordNumber =>
  number === null && isMoreText(errors) ? NO_NUMBER : number;

const LF = 10;
const NUMBER = /^\d{1,15}$/;

/** Reads the number in `_record`. */
export function recordNumber(text: string): RecordNumber {
  const trimmed = text.trim();
  if (trimmed === "") return null;
  return NUMBER.test(trimmed) ? Number(trimmed) : NO_NUMBER;
}

/** A chunk of a correction: one line with the numbers of its records, then the records. */
export const withNumbers = (numbers: readonly RecordNumber[], records: readonly Buffer[]): Buffer =>
  Buffer.concat([Buffer.from(`${JSON.stringify(numbers)}\n`), ...records]);

/** Reads what `withNumbers` has written. */
export function numbersOf(data: Buffer): { numbers: RecordNumber[]; data: Buffer } {
  const end = data.indexOf(LF);
  return { numbers: JSON.parse(data.toString("latin1", 0, end)), data: data.subarray(end + 1) };
}
