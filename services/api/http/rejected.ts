/**
 * Rejected records in the form of the file that they came in. In front of each record are its number and its errors.
 */
import { isKeptWhole } from "../../../formats/check/chunk-verdict.ts";
import { moreText, numberMember, textMember } from "../../../formats/correction/reserved.ts";
import { CellReader, csvLine } from "../../../formats/csv/cells.ts";
import { type Dialect, dialectOf, plainDialect } from "../../../formats/csv/dialect.ts";
import { type Envelope, type Format, knownFormats } from "../../../formats/formats.ts";
import type { RecordErrors } from "../../batch/batch.reads.domain.ts";
import { safeText } from "./csv.ts";

/** How the rejected records of a batch are written: as one file, in order. */
export interface RejectedForm {
  /** The media type, without the charset. */
  type: string;
  ending: string;
  /** Whether a spreadsheet may open the file. Such a file needs a byte order mark. */
  hasCells: boolean;
  head: string;
  row(record: RecordErrors): string;
  /** The end of the file. If `unlisted` is not 0, the end says how many records are missing. */
  tail(unlisted: number): string;
}

/** The errors of a record as one text, such as `Preis: must be a number; …`. */
export const errorsText = ({ errors }: Pick<RecordErrors, "errors">): string =>
  errors.map(({ field, column = field, message }) => (column === "" ? message : `${column}: ${message}`)).join("; ");

/** The form of the file for a format. `textsOf`: the cells of a stored row of a workbook. */
export function rejectedForm(
  format: Format,
  envelope: Envelope,
  textsOf: (stored: string) => string[] = () => [],
): RejectedForm {
  if (format === "csv") return csvForm(...ofRows(envelope, dialectOf(envelope)));
  if (format !== "xlsx") return format === "json" ? jsonForm() : ndjsonForm;
  const { header } = envelope;
  return csvForm({ header: header ?? [] }, plainDialect, ({ raw }) => csvLine(textsOf(raw), plainDialect));
}

type Cells = (record: RecordErrors) => string;

/**
 * A file of one column shows no delimiter. With the product's two columns in front the file needs one: a comma, and
 * quotes around cells with a comma.
 */
function ofRows(envelope: Envelope, dialect: Dialect): [Envelope, Dialect, Cells] {
  if (/^[\t -~]$/.test(dialect.delimiter)) return [envelope, dialect, ({ raw }) => raw];
  const seen = { ...dialect, delimiter: "," };
  const reader = new CellReader(dialect);
  const row = (text: string) => (text.includes(",") ? csvLine(reader.cells(text), seen) : text);
  const { headerText } = envelope;
  return [
    { ...envelope, ...(headerText !== undefined && { headerText: row(headerText) }) },
    seen,
    ({ raw }) => row(raw),
  ];
}

function csvForm({ header = [], nameless = 0, headerText }: Envelope, dialect: Dialect, cells: Cells): RejectedForm {
  const { delimiter } = dialect;
  const isTab = delimiter === "\t";
  const line = (...parts: string[]) => `${parts.join(delimiter)}\r\n`;
  const none = delimiter.repeat(Math.max(0, header.length + nameless - 1));
  const said = (text: string) => csvLine([safeText(text)], dialect);
  const parameters = isTab || delimiter === "," ? "" : `; delimiter="${delimiter.replace("\\", "\\\\")}"`;
  return {
    type: `${isTab ? "text/tab-separated-values" : "text/csv"}; header=present${parameters}`,
    ending: isTab ? "tsv" : "csv",
    hasCells: true,
    head: line(numberMember, textMember, headerText ?? csvLine([...header, ...Array(nameless).fill("")], dialect)),
    row: (record) => line(String(record.seq), said(errorsText(record)), isKeptWhole(record) ? cells(record) : none),
    tail: (unlisted) => (unlisted === 0 ? "" : line("", said(moreText(unlisted)), none)),
  };
}

const [ndjsonType, jsonType] = [knownFormats.ndjson.mediaTypes[0], knownFormats.json.mediaTypes[0]];

const members = (record: number | null, errors: string): string =>
  `"${numberMember}":${record},"${textMember}":${JSON.stringify(errors)}`;

/**
 * The record's own text with the product's two members in front. If the record is no object, or was not kept whole, the
 * text has only the two members.
 */
function object(record: RecordErrors, isKept: boolean): string {
  const first = members(record.seq, errorsText(record));
  const own = record.raw.trim();
  if (!isKept || !own.startsWith("{")) return `{${first}}`;
  const rest = own.slice(1);
  return /^\s*\}/.test(rest) ? `{${first}${rest}` : `{${first},${rest}`;
}

const ndjsonForm: RejectedForm = {
  type: ndjsonType,
  ending: "ndjson",
  hasCells: false,
  head: "",
  row: (record) => `${object(record, isKeptWhole(record))}\n`,
  tail: (unlisted) => (unlisted === 0 ? "" : `{${members(null, moreText(unlisted))}}\n`),
};

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

/**
 * The records as one JSON array. A record that is no JSON would break the array, so only the product's two members
 * stand for that record.
 */
function jsonForm(): RejectedForm {
  let before = "\n";
  const element = (text: string): string => {
    const parted = before + text;
    before = ",\n";
    return parted;
  };
  return {
    type: jsonType,
    ending: "json",
    hasCells: false,
    head: "[",
    row: (record) => element(object(record, isKeptWhole(record) && isJson(record.raw))),
    tail: (unlisted) => `${unlisted === 0 ? "" : element(`{${members(null, moreText(unlisted))}}`)}\n]\n`,
  };
}
