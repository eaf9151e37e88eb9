/** Makes a CSV template that can be imported as it is: the header and one example row, written as the policy's `read` expects. */
import { foldedName } from "../csv/names.ts";
import { type DateKind, dateKinds, dateText } from "../read/dates.ts";
import { fieldsOf } from "../read/fields.ts";
import { type FieldRead, type PartialRead, type Read, type ReadDialect, wholeRead } from "../read/read.ts";
import { type ExampleField, exampleFields } from "./example.ts";

export interface Column {
  name: string;
  /** The value as a text that `read` accepts. */
  cell: string;
  value: unknown;
}

/** The BOM of UTF-8. Excel needs it to open the file as UTF-8. It takes precedence over a declared encoding. */
const BOM = "\ufeff";

export function csvTemplate(schema: object, partial: PartialRead | null): string {
  const read = wholeRead(partial);
  const { dialect } = read;
  const columns = columnsOf(schema, read);
  const row = (cells: string[]) => `${cells.map((cell) => quoted(cell, dialect)).join(dialect.delimiter ?? ",")}\r\n`;
  const isUtf8 = /^utf-?8$/i.test(read.encoding);
  return [
    isUtf8 ? "" : BOM,
    ...(dialect.header ? header(columns, dialect, row) : []),
    row(columns.map(({ cell }) => cell)),
  ].join("");
}

/** The columns of the file, with the example's values. */
export function columnsOf(schema: object, read: Read): Column[] {
  const fields = exampleFields(schema);
  const named = fields.map((field) => columnOf(field, read.fields[field.path.join(".")] ?? {}, kindOf(schema, field)));
  return read.dialect.header ? named : ofNames(read.columns ?? [], fields, named);
}

/** The rows of the header. Lines before and between them are empty. If there are several rows, the first one has the names. */
function header(columns: Column[], { headerRows }: ReadDialect, row: (cells: string[]) => string): string[] {
  const names = row(columns.map(({ name }) => name));
  const [first = 1, ...others] = headerRows ?? [1];
  const last = Math.max(first, ...others);
  return Array.from({ length: last }, (_, i) => {
    if (i + 1 === first) return names;
    return others.includes(i + 1) ? row(columns.map(() => "")) : "\r\n";
  });
}

/** The columns of a file without a header. */
function ofNames(names: string[], fields: ExampleField[], columns: Column[]): Column[] {
  const byName = new Map<string, Column>();
  for (const [i, { path }] of fields.entries()) {
    const column = columns[i] as Column;
    for (const name of [column.name, path.join(".")]) byName.set(foldedName(name), column);
  }
  return names.map((name) => byName.get(foldedName(name)) ?? { name, cell: "", value: undefined });
}

const kindOf = (schema: object, { path, value }: ExampleField): DateKind | undefined =>
  fieldsOf(schema)
    .at(path, Array.isArray(value))
    .map(({ format }) => format)
    .find((format): format is DateKind => dateKinds.includes(format as string));

function columnOf({ path, value }: ExampleField, read: FieldRead, kind: DateKind | undefined): Column {
  const name = read.titles?.[0] ?? path.join(".");
  if (!Array.isArray(value)) return { name, value, cell: cellOf(value, read, kind) };
  const { separator } = read;
  if (separator === undefined) return { name, value, cell: "" };
  return { name, value, cell: value.map((item) => cellOf(item, read, kind)).join(separator) };
}

function cellOf(value: unknown, { decimalChar = ".", trueValues, falseValues, format }: FieldRead, kind?: DateKind) {
  if (typeof value === "number") return String(value).replace(".", decimalChar);
  if (typeof value === "boolean") return (value ? trueValues?.[0] : falseValues?.[0]) ?? String(value);
  if (typeof value !== "string") return "";
  const [pattern] = [format ?? []].flat();
  return pattern === undefined || kind === undefined ? value : (dateText(pattern, value) ?? value);
}

/** Quotes the text if it would be read differently without quotes. */
function quoted(cell: string, { delimiter, quoteChar, escapeChar, commentChar }: ReadDialect): string {
  const special = [delimiter ?? ",", ";", "\t", "|", quoteChar, escapeChar, commentChar, "\r", "\n"];
  const isPlain = cell.trim() === cell && !special.some((char) => char !== null && cell.includes(char));
  if (isPlain) return cell;
  const inside =
    escapeChar === null
      ? cell.replaceAll(quoteChar, quoteChar + quoteChar)
      : cell.replaceAll(escapeChar, escapeChar + escapeChar).replaceAll(quoteChar, escapeChar + quoteChar);
  return `${quoteChar}${inside}${quoteChar}`;
}
