/** How much is kept of a fault, of a record's faults, and of the faults of a chunk: all of it could come from outside. */
/** One fault of a record: path of the field, stable code, sentence. */
export interface RecordFault {
  field: string;
  code: string;
  message: string;
  /** The name of the field's column, if it differs from the field's. */
  column?: string;
  /** The start of the value that was found: the text of the cell, or the JSON text. Invisible characters are written as escapes. */
  value?: string;
}

/** The most faults of one record. More would not help a partner, and would fill the database. */
export const MAX_FAULTS = 100;
/** Characters of a field and of a message. */
export const MAX_TEXT = 1000;
/** The width of the column for codes. */
export const MAX_CODE = 255;

/**
 * The most rows, and the most text, of one chunk's faults, because a chunk is one commit. The text takes 16 to 32 MiB in memory.
 */
const CHUNK_FAULTS = 100_000;
const CHUNK_CHARACTERS = 16 * 1024 * 1024;

const CUT = "…";

/** At most `most` characters; what was longer ends in `…`. A surrogate pair is left whole. */
export function cutText(text: string, most: number): string {
  if (text.length <= most) return text;
  const end = most - CUT.length;
  const isSplit = (text.charCodeAt(end - 1) & 0xfc00) === 0xd800;
  // Copies the bytes, because a plain slice would keep the whole text in memory.
  return Buffer.from(text.slice(0, isSplit ? end - 1 : end) + CUT).toString();
}

/** The fault with texts that are short enough to be kept. */
export const boundedFault = ({ field, code, message }: RecordFault): RecordFault => ({
  field: cutText(field, MAX_TEXT),
  code: cutText(code, MAX_CODE),
  message: cutText(message, MAX_TEXT),
});

/** The rows that the faults of a record take in the error report. */
export const rowsOf = (faults: readonly RecordFault[]): number => Math.max(1, faults.length);

/** The rows of the error report that these rejected records take. */
export const storedFaults = ({ errors }: { errors: readonly { errors: readonly RecordFault[] }[] }): number =>
  errors.reduce((sum, rejected) => sum + rowsOf(rejected.errors), 0);

/** The room that a batch's error report has for the records of one chunk. */
export class ReportRoom {
  #rows: number;
  #characters = CHUNK_CHARACTERS;

  /** `faults`: how many more faults the batch may list. */
  constructor(faults: number) {
    this.#rows = Math.min(faults, CHUNK_FAULTS);
  }

  /** Whether a record with these faults is listed. After the first one that is not, none is: the report ends there. */
  take(faults: readonly RecordFault[]): boolean {
    const characters = faults.reduce(
      (sum, { field, message, column = "", value = "" }) =>
        sum + field.length + message.length + column.length + value.length,
      0,
    );
    const fits = rowsOf(faults) <= this.#rows && characters <= this.#characters;
    this.#rows = fits ? this.#rows - rowsOf(faults) : 0;
    this.#characters -= characters;
    return fits;
  }
}
