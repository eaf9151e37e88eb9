/**
 * Plans how a dataset's records become rows of a table, or finds the faults of the mapping. Reads no database: pure
 * functions.
 */
import { fieldsOf, type Path } from "../../formats/read/fields.ts";
import { pointerStep } from "../../formats/schema/walk.ts";
import type { Fault } from "../../lib/errors.ts";
import { columnFault, fieldFault, metaFault, valueFault } from "./fills.ts";
import { isSameName } from "./names.ts";
import { keyOf } from "./plan.key.ts";
import type { ColumnSource, PlannedColumn, TableDocument, TablePlan, TargetColumn, TargetTable } from "./target.ts";

type Result<T> = { value: T; faults: Fault[] };

/** `faults` have pointers into the dataset: each begins with `/table`. */
export function planTable(
  document: TableDocument,
  schema: object,
  table: TargetTable,
): { plan: TablePlan } | { faults: Fault[] } {
  if (table.hindrances.length > 0) return { faults: table.hindrances.map((detail) => fault("/name", detail)) };
  const mapped = plannedColumns(document, schema, table);
  // Reports only the faults of a wrong mapping, and not those that follow from them.
  const isFilled = (name: string) =>
    mapped.faults.length > 0 || mapped.value.some(({ column }) => column.name === name);
  const key = keyOf(document, table, isFilled);
  const marker = markerOf(document, schema);
  const newer = newerOf(document, table, mapped);
  const columns = document.mode === "delete" ? mapped.value.filter(isAmong(key.value)) : mapped.value;
  const faults = [
    ...mapped.faults,
    ...key.faults,
    ...unfilled(document, table, isFilled),
    ...nothingToUpdate(document, columns, key.value),
    ...marker.faults,
    ...newer.faults,
    ...messageFaults(document, table),
  ];
  if (faults.length > 0) return { faults };
  const { mode, absent, messages } = document;
  const rest = { newer: newer.value, delete: marker.value, messages };
  return { plan: { table, mode, key: key.value, columns, absent, ...rest, references: [] } };
}

const fault = (pointer: string, detail: string): Fault => ({ pointer: `/table${pointer}`, detail });
const isAmong = (names: string[]) => (planned: PlannedColumn) => names.includes(planned.column.name);

const MOST_NAMED = 20;

/** The table's columns as a text, for an error about a mistyped column. */
function columnsInWords({ columns }: TargetTable): string {
  const names = columns.slice(0, MOST_NAMED).map(({ name }) => name);
  const more = columns.length > MOST_NAMED ? ` and ${columns.length - MOST_NAMED} more` : "";
  return `${names.join(", ")}${more}`;
}

const columnOf = ({ dialect, columns }: TargetTable, name: string): TargetColumn | undefined =>
  columns.find((column) => column.name === name) ?? columns.find((column) => isSameName(dialect, column.name, name));

function plannedColumns(document: TableDocument, schema: object, table: TargetTable): Result<PlannedColumn[]> {
  const { columns } = document;
  if (columns !== null && Object.keys(columns).length === 0)
    return { value: [], faults: [fault("/columns", "expected one column or more")] };
  if (columns !== null) return gathered(Object.entries(columns).map(([name, source]) => planned(name, source)));
  const properties = fieldsOf(schema).paths.filter((path) => path.length === 1) as [string][];
  const wanted = properties.filter(([name]) =>
    document.mode === "delete"
      ? isOfKey(document, table, name)
      : name !== document.delete?.field || columnOf(table, name),
  );
  if (wanted.length === 0)
    return {
      value: [],
      faults: [fault("/columns", "expected columns, for the schema has no properties that are some")],
    };
  return gathered(wanted.map(([name]) => byName(name)));

  function planned(name: string, source: ColumnSource): PlannedColumn | Fault {
    const at = `/columns${pointerStep(name)}`;
    const column = columnOf(table, name);
    if (!column) return fault(at, `the table has no such column; it has ${columnsInWords(table)}`);
    const resolved = sourceOf(source, column, at);
    return "detail" in resolved ? resolved : { column, source: resolved };
  }

  function byName(name: string): PlannedColumn | Fault {
    const column = columnOf(table, name);
    if (!column)
      return fault("/columns", `the table has no column for the property "${name}"; it has ${columnsInWords(table)}`);
    const resolved = sourceOf([name], column, "/columns");
    return "detail" in resolved
      ? { ...resolved, detail: `the property "${name}": ${resolved.detail}` }
      : { column, source: resolved };
  }

  function sourceOf(source: ColumnSource | Path, column: TargetColumn, at: string): PlannedColumn["source"] | Fault {
    if (column.isReadOnly) return fault(at, "the database fills this column itself, and lets nobody write it");
    const unfit = columnFault(column, table.dialect);
    if (unfit !== null) return fault(at, unfit);
    if (typeof source === "object" && "meta" in source) return checked(source, at, metaFault(source.meta, column));
    if (typeof source === "object" && "value" in source)
      return checked(source, `${at}/value`, valueFault(source.value, column));
    const path = typeof source === "string" ? pathOf(schema, source) : (source as Path);
    if (!path) return fault(at, "the schema has no such field");
    return checked({ path: [...path] }, at, fieldFault(schema, path, column, table.dialect));
  }
}

const checked = <T>(source: T, at: string, detail: string | null): T | Fault =>
  detail === null ? source : fault(at, detail);

/** A field of the schema by its name in dots. */
const pathOf = (schema: object, name: string): Path | undefined =>
  fieldsOf(schema).paths.find((path) => path.join(".") === name);

function isOfKey({ key }: TableDocument, table: TargetTable, name: string): boolean {
  const names = key ?? table.keys.find(({ isPrimary }) => isPrimary)?.columns ?? [];
  return names.some((one) => isSameName(table.dialect, one, name));
}

/** Separates planned columns from faults. A column that is named twice is a fault. */
function gathered(found: (PlannedColumn | Fault)[]): Result<PlannedColumn[]> {
  const value: PlannedColumn[] = [];
  const faults: Fault[] = [];
  for (const one of found) {
    if ("detail" in one) faults.push(one);
    else if (value.some(({ column }) => column === one.column))
      faults.push(fault("/columns", `the column "${one.column.name}" is named twice`));
    else value.push(one);
  }
  return { value, faults };
}

/** A fault for each required column of a new row that no source fills. */
function unfilled({ mode }: TableDocument, { columns }: TargetTable, isFilled: (name: string) => boolean): Fault[] {
  if (mode === "update" || mode === "delete") return [];
  return columns
    .filter(({ name, isNotNull, hasDefault, isReadOnly }) => isNotNull && !hasDefault && !isReadOnly && !isFilled(name))
    .map(({ name }) => fault("/columns", `the column "${name}" is NOT NULL without a default, and nothing fills it`));
}

function nothingToUpdate({ mode, delete: marker }: TableDocument, planned: PlannedColumn[], key: string[]): Fault[] {
  if (mode !== "update" || marker || planned.length === 0 || !planned.every(isAmong(key))) return [];
  return [fault("/columns", "expected a column beside the key, for update has nothing to write")];
}

function markerOf({ mode, delete: marker }: TableDocument, schema: object): Result<TablePlan["delete"]> {
  if (marker === null) return { value: null, faults: [] };
  if (mode !== "upsert" && mode !== "update")
    return { value: null, faults: [fault("/delete", "expected only with the modes upsert and update")] };
  const path = pathOf(schema, marker.field);
  if (!path) return { value: null, faults: [fault("/delete/field", "the schema has no such field")] };
  return { value: { path: [...path], values: marker.values }, faults: [] };
}

/** Types of PostgreSQL without an operator `<`. */
const UNORDERED = /^(xml|point|line|polygon|json\[\])$/;

/** The old text types of SQL Server. */
const OLD_TEXT = /^n?text$/;

function newerOf(
  { mode, newer }: TableDocument,
  table: TargetTable,
  planned: Result<PlannedColumn[]>,
): Result<PlannedColumn | null> {
  if (newer === null) return { value: null, faults: [] };
  const told = (...details: string[]) => ({ value: null, faults: details.map((detail) => fault("/newer", detail)) });
  if (mode !== "upsert" && mode !== "update") return told("expected only with the modes upsert and update");
  const found = planned.value.find(({ column }) => column === columnOf(table, newer));
  if (!found) return planned.faults.length > 0 ? told() : told("expected a column that is filled");
  const isUnordered =
    UNORDERED.test(found.column.type) || (table.dialect === "mssql" && OLD_TEXT.test(found.column.type));
  return found.column.kind === "json" || isUnordered
    ? told("expected a column whose values have an order")
    : { value: found, faults: [] };
}

function messageFaults({ messages }: TableDocument, { toldConstraints }: TargetTable): Fault[] {
  if (toldConstraints === null) return [];
  return Object.keys(messages)
    .filter((name) => !toldConstraints.includes(name))
    .map((name) =>
      fault(
        `/messages${pointerStep(name)}`,
        `SQLite tells no such constraint: ${toldConstraints.join(", ") || "the table has no CHECK with a name"}`,
      ),
    );
}

/** The rules of a table for which the order of written rows may matter. */
export interface Rules {
  refersToItself: boolean;
  /** Columns of unique indexes and exclusion constraints. Null: some are expressions. */
  unique: (string | null)[][];
}

/**
 * Whether the order of a chunk's rows may change the result. Writing all rows at once may differ from writing them one
 * by one if the table refers to itself, or if a change may move a unique value from one row to another.
 */
export function isOrdered({ refersToItself, unique }: Rules, { mode, key, columns }: TablePlan): boolean {
  if (refersToItself) return true;
  if (mode === "insert" || mode === "ignore" || mode === "delete") return false;
  const written = new Set(columns.map(({ column }) => column.name));
  const isKey = (of: (string | null)[]) => of.length === key.length && of.every((name) => name && key.includes(name));
  return unique.some((of) => !isKey(of) && of.some((name) => name === null || written.has(name)));
}
