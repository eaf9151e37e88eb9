import type { CatalogList, FoundColumn } from "../list.types.ts";

const TABLES = `SELECT m.name AS name FROM main.sqlite_schema AS m JOIN pragma_table_list AS l ON l.schema = 'main' AND l.name = m.name
WHERE m.type = 'table' AND l.type = 'table' AND lower(substr(m.name, 1, 7)) <> 'sqlite_' ORDER BY m.name LIMIT $1`;
/** Lists the columns of tables. In SQLite the type of a column may be any text, or be missing. */
const COLUMNS = `SELECT t.value AS id, c.name AS name, c.type AS type, c."notnull" AS "isNotNull", c.pk AS pk
FROM json_each($1) AS t, pragma_table_xinfo(t.value) AS c WHERE c.hidden <> 1 ORDER BY c.cid`;

type ColumnRow = Pick<FoundColumn, "id" | "name" | "type"> & { isNotNull: number; pk: number };

export const listSqlite: CatalogList = {
  async tables(ask, most) {
    const rows = await ask<{ name: string }>(TABLES, [most]);
    return rows.map(({ name }) => ({ id: name, schema: "main", name }));
  },
  async columns(ask, ids) {
    const rows = await ask<ColumnRow>(COLUMNS, [JSON.stringify(ids)]);
    return rows.map(({ id, name, type, isNotNull, pk }) => ({
      id,
      name,
      type,
      isNullable: Number(isNotNull) === 0 && Number(pk) === 0,
      isKey: Number(pk) > 0,
    }));
  },
};
