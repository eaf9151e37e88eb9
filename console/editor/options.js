/** The values that some fields may be chosen from: fields of the schema, existing handlers, existing tables. */
import { useEffect, useState } from "preact/hooks";
import { get } from "../api/client.js";
import { valueAt } from "./pointers.js";
import { fieldsOf } from "./schema.js";
import { isSameTable, namesOf } from "./tables.js";
import { timeZones } from "./window.js";

/** @import { Form } from "./field.js" */

/** @import { TableThere } from "./tables.js" */
/** @typedef {{ handlers: string[] | null, tables: TableThere[] }} Chosen null: the node does not report handlers */

const builtIn = ["store", "table"];

/**
 * Reads the handlers that run, and the tables of the database that the draft names. If they cannot be read, the fields accept any
 * text.
 * @param {string | null | undefined} database @param {boolean} isWanted
 * @returns {Chosen}
 */
export function useChosen(database, isWanted) {
  const [handlers, setHandlers] = useState(/** @type {string[] | null} */ (null));
  const [tables, setTables] = useState(/** @type {TableThere[]} */ ([]));
  useEffect(() => {
    get("/admin/handlers").then(
      ({ items }) =>
        setHandlers([...new Set([...builtIn, ...items.map((/** @type {{ name: string }} */ { name }) => name)])]),
      () => setHandlers(null),
    );
  }, []);
  useEffect(() => {
    if (!isWanted) return;
    let isGone = false;
    get("/admin/tables", { database, limit: 200 }).then(
      ({ items }) => !isGone && setTables(items),
      () => !isGone && setTables([]),
    );
    return () => {
      isGone = true;
    };
  }, [database, isWanted]);
  return { handlers, tables };
}

/** @param {Form} form @param {string} pointer @returns {string[] | undefined} undefined: any */
export function optionsOf({ draft, chosen }, pointer) {
  const fields = () => fieldsOf(draft.schema);
  const columns = () => columnsOf(draft, chosen);
  if (
    pointer === "/uniqueKey" ||
    pointer === "/sensitive" ||
    pointer === "/read/fields" ||
    pointer === "/table/delete/field"
  )
    return fields();
  if (pointer === "/handler") return chosen.handlers ?? undefined;
  if (pointer === "/window/timeZone") return timeZones();
  if (pointer === "/table/name") return namesOf(chosen.tables, valueAt(draft, "/table/name"));
  if (pointer === "/table/key" || pointer === "/table/newer" || pointer === "/table/columns") return columns();
  if (pointer.startsWith("/table/columns/")) return [...fields(), ...metas];
  return undefined;
}

const metas = ["batchId", "clientId", "clientIdentifier", "dataset", "record", "line", "receivedAt", "json"].map(
  (meta) => `{"meta":"${meta}"}`,
);

/**
 * The columns of the draft's table if it is known, else the columns that the draft fills.
 * @param {Record<string, unknown>} draft
 * @param {Chosen} chosen
 */
function columnsOf(draft, { tables }) {
  const name = valueAt(draft, "/table/name");
  const there = tables.find((table) => isSameTable(table.name, name));
  if (there) return there.columns.map((column) => column.name);
  return Object.keys(valueAt(draft, "/table/columns") ?? {}).concat(
    valueAt(draft, "/table/columns") ? [] : fieldsOf(draft.schema),
  );
}
