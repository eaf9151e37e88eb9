/**
 * How values come from PostgreSQL on our connections: BIGINT as a number, for ids and times are below 2^53. pg's own table of
 * parsers stays as it is: a handler in the same process may use pg too.
 */
import pg from "pg";

const { INT8 } = pg.types.builtins;

export const types: typeof pg.types = {
  ...pg.types,
  getTypeParser: ((oid: number, format?: "text" | "binary") =>
    oid === INT8 && format !== "binary"
      ? Number
      : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
};
