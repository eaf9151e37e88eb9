/** The tables that may be chosen for a dataset. */
import { described, flag, type JsonSchema, listOf, record, text } from "../../../lib/json-schema.ts";
import { actors } from "../../actors.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";
import { queryOf } from "../http/input.ts";
import { namePageBody, namePageOf } from "../http/pages.ts";

/** The schema of an item of `listTables`. */
export const tableSchema: JsonSchema = record({
  name: text("For the `name` of a dataset's `table`."),
  columns: listOf(
    record({
      name: text(),
      type: text("As the database writes it."),
      isNullable: flag,
      isKey: described("It is part of the primary key.", flag),
    }),
  ),
});

export async function listTables(exchange: Exchange): Promise<Reply> {
  const { database = null, ...query } = queryOf(exchange, "database", "limit", "cursor");
  const page = namePageOf(`tables of ${JSON.stringify(database)}`, query);
  const tables = await actors.policy.tables(exchange.ctx, { database, ...page.asked });
  return json(
    200,
    namePageBody(page, tables, (table) => table),
  );
}
