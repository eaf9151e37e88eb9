/** The key by which a record finds its row. */
import type { Fault } from "../../lib/errors.ts";
import { isSameName } from "./names.ts";
import type { TableDocument, TargetTable } from "./target.ts";

type Found = { value: string[]; faults: Fault[] };

const fault = (pointer: string, detail: string): Fault => ({ pointer: `/table/key${pointer}`, detail });
const told = (...faults: Fault[]): Found => ({ value: [], faults });

/** The names of the key's columns, as the catalog has them. Only `insert` may have none. */
export function keyOf(document: TableDocument, table: TargetTable, isFilled: (name: string) => boolean): Found {
  return document.key === null ? primaryKey(document, table, isFilled) : namedKey(document.key, table, isFilled);
}

function primaryKey({ mode }: TableDocument, { keys }: TargetTable, isFilled: (name: string) => boolean): Found {
  const primary = keys.find(({ isPrimary }) => isPrimary);
  if (!primary) return mode === "insert" ? told() : told(fault("", `${inWords(keys)}: expected the columns of one`));
  const missing = primary.columns.filter((name) => !isFilled(name));
  if (missing.length === 0) return { value: primary.columns, faults: [] };
  // A mode `insert` needs no key: the database gives each new row its key.
  if (mode === "insert") return told();
  return told(fault("", `nothing fills the column "${missing[0]}" of the primary key`));
}

function namedKey(key: string[], table: TargetTable, isFilled: (name: string) => boolean): Found {
  const { dialect, columns, keys } = table;
  const names = key.map((name) => columns.find((column) => isSameName(dialect, column.name, name))?.name);
  const unknown = names.flatMap((name, i) =>
    name === undefined ? [fault(`/${i}`, "the table has no such column")] : [],
  );
  if (unknown.length > 0) return told(...unknown);
  const value = names as string[];
  const isKey = keys.some(
    (one) => one.columns.length === value.length && one.columns.every((name) => value.includes(name)),
  );
  if (!isKey)
    return told(
      fault(
        "",
        `${inWords(keys)}: expected a primary key or a full, valid, immediate unique index over just these columns`,
      ),
    );
  const empty = value.flatMap((name, i) => (isFilled(name) ? [] : [fault(`/${i}`, "nothing fills this column")]));
  return empty.length > 0 ? told(...empty) : { value, faults: [] };
}

const inWords = (keys: TargetTable["keys"]): string =>
  keys.length === 0
    ? "the table has no usable key"
    : `the table's usable keys are ${keys.map(({ columns }) => `(${columns.join(", ")})`).join(", ")}`;
