/** The dataset's `table`: the check of each member by itself. The catalog decides whether they fit a table (`policy.tables.ts`). */
import { namePartsOf } from "../../config/tables.ts";
import { type ColumnSource, type TableDocument, tableMetas, tableModes } from "../../database/targets/target.ts";
import type { Fault } from "../../lib/errors.ts";
import { type Check, check, checkOf, isObject, listed, mapOf, nullOr, object } from "./policy.fields.ts";
import { boolean, oneOf, text } from "./policy.values.ts";

/** The longest identifier that any database accepts, and more columns than a schema has fields. */
const LONGEST_NAME = 255;
const MOST_COLUMNS = 2_000;
const MOST_MESSAGES = 1_000;
const LONGEST_MESSAGE = 1_000;
const MOST_IN_KEY = 32;

const name: Check<string> = check(
  'table or schema.table (a part that holds a dot is quoted: "my.table")',
  { type: "string", minLength: 1, maxLength: 2 * LONGEST_NAME },
  (value) => typeof value === "string" && value.length <= 2 * LONGEST_NAME && namePartsOf(value) !== null,
);

const column = text(1, LONGEST_NAME);

const key: Check<string[]> = checkOf(
  `a list of 1 to ${MOST_IN_KEY} names of columns, none twice`,
  { type: "array", items: column.schema, minItems: 1, maxItems: MOST_IN_KEY, uniqueItems: true },
  (value, around) => {
    const faults = listed(column, { min: 1, max: MOST_IN_KEY })(value, around);
    const names = value as string[];
    if (faults.length > 0 || new Set(names).size === names.length) return faults;
    return [{ pointer: "", detail: "expected each name once, found one twice" }];
  },
);

const path = text(1, 1_000);
const meta = object({ meta: oneOf(...tableMetas) }, { required: ["meta"] });
const anything: Check<unknown> = check("any value", {}, () => true);
const value = object({ value: anything }, { required: ["value"] });

/** The present member decides which check reports, so a mistyped `meta` is reported as a wrong `meta`. */
const source: Check<ColumnSource> = checkOf(
  'a field of the schema like "address.city", {"meta": …} or {"value": …}',
  { anyOf: [path.schema, meta.schema, value.schema] },
  (found, around) => {
    if (typeof found === "string") return path(found, around);
    if (isObject(found) && Object.hasOwn(found, "meta")) return meta(found, around);
    if (isObject(found) && Object.hasOwn(found, "value")) return value(found, around);
    return [{ pointer: "", detail: `expected ${source.expected}` }];
  },
);

const message = object(
  { field: path, code: text(1, 255), message: text(1, LONGEST_MESSAGE) },
  { required: ["message"] },
);
const marker = object(
  { field: path, values: listed(anything, { min: 1, max: 100 }) },
  { required: ["field", "values"] },
);

const members = object(
  {
    database: nullOr(text(1, 64)),
    name,
    mode: oneOf(...tableModes),
    key: nullOr(key),
    columns: nullOr(mapOf(source, { longestName: LONGEST_NAME, most: MOST_COLUMNS })),
    absent: oneOf("keep", "null"),
    newer: nullOr(column),
    delete: nullOr(marker),
    create: boolean,
    checkReferences: boolean,
    messages: mapOf(message, { longestName: LONGEST_NAME, most: MOST_MESSAGES }),
  },
  {
    required: ["name"],
    defaults: {
      database: null,
      mode: "insert",
      key: null,
      columns: null,
      absent: "keep",
      newer: null,
      delete: null,
      create: false,
      checkReferences: false,
      messages: {},
    },
  },
);

// TypeScript cannot derive `TableDocument` from the members, which are declared one by one.
export const table = members as unknown as Check<TableDocument>;

/** The handler by which records become rows of the company's own table. */
export const TABLE = "table";

/** The handler `table` and the field `table` need each other. */
export function tableFaults(handler: string, table: unknown): Fault[] {
  if (handler === TABLE && table === null)
    return [{ pointer: "/table", detail: `expected a table, for the handler is "${TABLE}"` }];
  if (handler !== TABLE && table !== null)
    return [{ pointer: "/handler", detail: `expected "${TABLE}", for there is a table` }];
  return [];
}

/** Whether records become rows of a table. */
export const isIntoTable = <D extends { handler: string; table: TableDocument | null }>(
  document: D,
): document is D & { table: TableDocument } => document.handler === TABLE && document.table !== null;
