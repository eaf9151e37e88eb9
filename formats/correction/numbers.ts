/** The numbers that the records of a correction had in the batch that they were refused in: the first line of each of its chunks. */

import { isMoreText } from "../reserved.ts";

/** Null: the record is an ordinary one. `NO_NUMBER`: what it names is no number of a record. */
export type RecordNumber = number | null;
export const NO_NUMBER = 0;

/** The number of a record that is sent back with these errors. The row that tells of further records corrects none. */
export const correctedNumber = (number: RecordNumber, errors: string): RecordNumber =>
  number === null && isMoreText(errors) ? NO_NUMBER : number;

const LF = 10;
const NUMBER = /^\d{1,15}$/;

/** The number that a text names. */
export function recordNumber(text: string): RecordNumber {
  const trimmed = text.trim();
  if (trimmed === "") return null;
  return NUMBER.test(trimmed) ? Number(trimmed) : NO_NUMBER;
}

export const withNumbers = (numbers: readonly RecordNumber[], records: readonly Buffer[]): Buffer =>
  Buffer.concat([Buffer.from(`${JSON.stringify(numbers)}\n`), ...records]);

/** The chunk's records, and their numbers. */
export function numbersOf(data: Buffer): { numbers: RecordNumber[]; data: Buffer } {
  const end = data.indexOf(LF);
  return { numbers: JSON.parse(data.toString("latin1", 0, end)), data: data.subarray(end + 1) };
}
