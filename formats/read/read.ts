/** How the partner's file is read: the policy's `read`. Names and meanings are Frictionless Data Package v2's. */
import { delimiterOf } from "../csv/dialect.ts";

export interface ReadDialect {
  /** The delimiter. Null: it is detected. */
  delimiter: string | null;
  quoteChar: string;
  escapeChar: string | null;
  header: boolean;
  /** The lines of the header in the file, counted from 1. Null: the first line that is not blank, `sep=` or a comment. */
  headerRows: number[] | null;
  commentChar: string | null;
  skipInitialSpace: boolean;
  sheetName: string | null;
  sheetNumber: number;
}

/** How one field is read. For the defaults see the table in docs/partners/files.md. */
export interface FieldRead {
  titles?: string[];
  decimalChar?: string;
  groupChar?: string | null;
  bareNumber?: boolean;
  format?: string | string[];
  trueValues?: string[];
  falseValues?: string[];
  separator?: string;
  trim?: boolean;
  missingValues?: string[];
}

export type UnknownColumns = "keep" | "drop" | "refuse";

export interface Read {
  encoding: string;
  dialect: ReadDialect;
  /** The names of the columns of a file without a header. */
  columns: string[] | null;
  /** Absent: `refuse` if the schema has `additionalProperties: false`, otherwise `keep`. */
  unknownColumns?: UnknownColumns;
  fillShortRows: boolean;
  trim: boolean;
  missingValues: string[];
  fields: Record<string, FieldRead>;
}

export const defaultDialect: ReadDialect = {
  delimiter: null,
  quoteChar: '"',
  escapeChar: null,
  header: true,
  headerRows: null,
  commentChar: null,
  skipInitialSpace: false,
  sheetName: null,
  sheetNumber: 1,
};

/** The defaults of `read` and of its members. */
export const defaultRead: Read = {
  encoding: "utf-8",
  dialect: defaultDialect,
  columns: null,
  fillShortRows: false,
  trim: false,
  missingValues: [""],
  fields: {},
};

/** A `read` as it may be stored: earlier releases knew fewer members. */
export type PartialRead = Partial<Omit<Read, "dialect">> & { dialect?: Partial<ReadDialect> };

/** Replaces the name of a delimiter (`tab`) by the character. */
export const wholeRead = (read: PartialRead | null | undefined): Read => {
  const dialect = { ...defaultDialect, ...read?.dialect };
  const { delimiter } = dialect;
  return {
    ...defaultRead,
    ...read,
    dialect: { ...dialect, delimiter: delimiter === null ? null : (delimiterOf(delimiter) ?? delimiter) },
  };
};
