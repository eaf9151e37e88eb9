/** Records as rows: the values of the planned columns, checked as far as they can be before SQL. A plan is prepared once. */
import { Digits, exactRecord, mayBeRewritten, recordOf } from "../../formats/check/exact-record.ts";
import { holdsInexact } from "../../formats/check/number-text.ts";
import {
  type ColumnKind,
  type PlannedColumn,
  type TableMeta,
  type TablePlan,
  type TargetColumn,
  ValueFault,
} from "./target.ts";
import { columnText } from "./values/column.ts";

/** Metadata of a record: facts that are not in the record itself. */
export interface RecordAbout {
  /** Public ids. */
  batchId: string;
  clientId: string;
  clientIdentifier: string;
  dataset: string;
  record: number;
  line: number | null;
  /** ISO 8601, with its offset. */
  receivedAt: string;
}

/** Why a record cannot be a row. `path`: the record's field. Null: the value is not the partner's. */
export interface RowFault {
  column: string;
  path: string[] | null;
  code: "maxLength" | "range" | "type" | "required";
  message: string;
}

/**
 * One value for each planned column: a text that the server casts to the column's type (booleans are `true` and `false`,
 * arrays in PostgreSQL's notation), null, or undefined where the record has none. `isDelete`: the record deletes its row;
 * of its values only those of the key and of `newer` are there.
 */
export type Row = { values: (string | null | undefined)[]; isDelete: boolean } | { fault: RowFault };

interface Source {
  record: Record<string, unknown>;
  /** The record's JSON text, if its numbers may have to be read with their original digits. Null: no need. */
  json: string | null;
  about: RecordAbout;
}

interface Prepared {
  /** Reads the column's value from the record or its source, before any check. */
  read(source: Source): unknown;
  column: PlannedColumn["column"];
  path: string[] | null;
  isKey: boolean;
  /** Whether 12.50 and 12.5 are different texts for the column. */
  isAsWritten: boolean;
  /** Whether a record that deletes its row has a value for it. */
  isOfDelete: boolean;
  isRequired: boolean;
  /** The last value that is the same in all records of a batch, and its text. */
  fixed: { value: unknown; text: string | null | undefined | ValueFault } | null;
}

const prepared = new WeakMap<TablePlan, Prepared[]>();

/**
 * The record's row. `record`: its JSON text; or the record as a handler gets it, with its text beside it as `json`, which
 * tells the numbers that no double holds from texts. `mayBeInexact`: false where it is known that the text has none of these.
 */
export function rowOf(
  plan: TablePlan,
  record: string | Record<string, unknown>,
  about: RecordAbout,
  json: string | null = typeof record === "string" ? record : null,
  mayBeInexact = true,
): Row {
  const columns = preparedOf(plan);
  const isRead = json !== null && (typeof record === "string" || (mayBeInexact && holdsInexact(json)));
  const parsed = isRead ? recordOf(json) : record;
  const source: Source = { record: parsed as Record<string, unknown>, json, about };
  const isMarked = isMarkedForDelete(plan, source.record);
  const values = new Array<string | null | undefined>(columns.length);
  for (let i = 0; i < columns.length; i++) {
    const column = columns[i] as Prepared;
    if (isMarked && !column.isOfDelete) continue;
    const value = textOf(column, source);
    if (value instanceof ValueFault)
      return { fault: { column: column.column.name, path: column.path, code: value.code, message: value.message } };
    values[i] = value;
  }
  return { values, isDelete: isMarked || plan.mode === "delete" };
}

function textOf(column: Prepared, source: Source): string | null | undefined | ValueFault {
  const { fixed } = column;
  if (fixed === null) return textOfAny(column, source);
  const value = column.read(source);
  if (fixed.value !== value) column.fixed = { value, text: textOfAny(column, source) };
  return (column.fixed ?? fixed).text;
}

function textOfAny(column: Prepared, source: Source): string | null | undefined | ValueFault {
  const value = column.isAsWritten ? asWritten(column, source) : column.read(source);
  if (value === undefined) return column.isRequired ? new ValueFault("required", "is required") : undefined;
  if (value === null) return column.isKey || column.column.isNotNull ? new ValueFault("required", "is required") : null;
  return columnText(value, column.column);
}

const AS_WRITTEN: readonly ColumnKind[] = ["text", "json", "array", "other"];
const isAsWritten = ({ kind, scale }: TargetColumn): boolean =>
  AS_WRITTEN.includes(kind) || (kind === "decimal" && scale === null);

/**
 * The value with the original digits of its numbers. Parses the record's text again only if a digit may be lost, which
 * is rare.
 */
function asWritten(column: Prepared, source: Source): unknown {
  const value = column.read(source);
  if (source.json === null || !(typeof value === "number" || (typeof value === "object" && value !== null)))
    return value;
  if (mayBeRewritten(source.json)) source.record = exactRecord(source.json);
  source.json = null;
  return column.read(source);
}

/** Whether the record deletes its row. */
export function isMarkedForDelete({ delete: marker }: TablePlan, record: unknown): boolean {
  if (marker === null) return false;
  const value = at(record, marker.path);
  return value !== undefined && marker.values.some((one) => isSame(value, one));
}

/** Whether two JSON values are equal. Objects are equal if they have the same members in the same order. */
function isSame(value: unknown, other: unknown): boolean {
  if (value instanceof Digits && typeof other === "number") return Number(value.source) === other;
  return value === other || (typeof value === "object" && JSON.stringify(value) === JSON.stringify(other));
}

function preparedOf(plan: TablePlan): Prepared[] {
  const known = prepared.get(plan) ?? plan.columns.map((planned) => prepare(planned, plan));
  prepared.set(plan, known);
  return known;
}

/** Stands for "no value seen yet", because it equals no value. */
const NONE_YET = Symbol("none yet");
const OF_RECORD: readonly TableMeta[] = ["record", "line", "json"];
const isFixed = (source: PlannedColumn["source"]): boolean =>
  "value" in source || ("meta" in source && !OF_RECORD.includes(source.meta));

function prepare({ column, source }: PlannedColumn, plan: TablePlan): Prepared {
  const isKey = plan.key.includes(column.name);
  return {
    read: reader(source),
    column,
    path: "path" in source ? source.path : null,
    isKey,
    isAsWritten: isAsWritten(column),
    isOfDelete: isKey || plan.newer?.column.name === column.name,
    isRequired: isKey || isNeeded(column, plan),
    fixed: isFixed(source) ? { value: NONE_YET, text: undefined } : null,
  };
}

/** Whether a record without the column's value can be no row, whatever is in the table. */
function isNeeded({ isNotNull, hasDefault }: PlannedColumn["column"], { mode, absent }: TablePlan): boolean {
  if (!isNotNull) return false;
  switch (mode) {
    case "insert":
    case "ignore":
      return !hasDefault;
    // With "keep" an update leaves the column unchanged. Only the server knows whether the row exists already.
    case "upsert":
      return absent === "null" && !hasDefault;
    case "update":
      return absent === "null";
    case "delete":
      return false;
    default:
      return mode satisfies never;
  }
}

function reader(source: PlannedColumn["source"]): Prepared["read"] {
  if ("path" in source) {
    const [first, ...inner] = source.path;
    if (inner.length > 0) return ({ record }) => at(record, source.path);
    return ({ record }) => ownMember(record, first as string);
  }
  return "meta" in source ? metas[source.meta] : () => source.value;
}

const metas: Record<TableMeta, Prepared["read"]> = {
  batchId: ({ about }) => about.batchId,
  clientId: ({ about }) => about.clientId,
  clientIdentifier: ({ about }) => about.clientIdentifier,
  dataset: ({ about }) => about.dataset,
  record: ({ about }) => about.record,
  line: ({ about }) => about.line,
  receivedAt: ({ about }) => about.receivedAt,
  json: ({ record }) => record,
};

/** The member at a path. Undefined: the record has no such field, or one of the objects around it is missing. */
function at(record: unknown, path: readonly string[]): unknown {
  let value = record;
  for (const step of path) {
    if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Digits)
      return undefined;
    value = ownMember(value as Record<string, unknown>, step);
  }
  return value;
}

/** Inherited names, such as `constructor`, are no fields. */
const ownMember = (record: Record<string, unknown>, name: string): unknown =>
  Object.hasOwn(record, name) ? record[name] : undefined;
