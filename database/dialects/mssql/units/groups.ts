/** Steps of a commit that add the faults of chunks to the error groups of their batches. They read `#grouped`. */
import { MAX_GROUPS } from "../../../../formats/check/fault-groups.ts";
import { ENOUGH_EXAMPLES } from "../../../error-groups.ts";

/** The table variable `@fresh`: groups that their batch does not have yet, and whether there is room for each. */
export const FRESH = "@fresh TABLE (id BIGINT NOT NULL, i INT NOT NULL, kept INT NOT NULL, PRIMARY KEY (id, i))";

const MINE = "JOIN @mine AS m ON m.id = g.id";
const OF_BATCH = "k.batch_id = m.id AND k.pass = m.pass";
const columns = ["name", "field", "code", "message", "examples", "n", "first_record", "first_line"];

/** For each batch, the faults that have no group of their own. */
const REST = `SELECT m.id, m.pass, SUM(g.n) AS n FROM #grouped AS g ${MINE} LEFT JOIN @fresh AS f ON f.id = g.id AND f.i = g.i
  WHERE g.name = '' OR f.kept = 0 GROUP BY m.id, m.pass`;

/**
 * The steps: they begin new groups while there is room, and count all other faults in the group with the empty name.
 * Once that group exists, no new group begins: its count would lack earlier faults.
 */
export const GROUPED = [
  `INSERT INTO @fresh (id, i, kept)
SELECT g.id, g.i, CASE WHEN g.i < ${MAX_GROUPS} - (SELECT COUNT(*) FROM error_group AS k WHERE ${OF_BATCH})
  AND NOT EXISTS (SELECT 1 FROM error_group AS k WHERE ${OF_BATCH} AND k.name = '') THEN 1 ELSE 0 END
FROM #grouped AS g ${MINE}
WHERE g.name <> '' AND NOT EXISTS (SELECT 1 FROM error_group AS k WHERE ${OF_BATCH} AND k.name = g.name)`,
  `UPDATE k SET n = k.n + g.n,
  examples = CASE WHEN LEN(k.examples) < ${ENOUGH_EXAMPLES} THEN k.examples + NCHAR(10) + g.examples ELSE k.examples END
FROM #grouped AS g ${MINE} JOIN error_group AS k ON ${OF_BATCH} AND k.name = g.name
WHERE g.name <> ''`,
  `INSERT INTO error_group (batch_id, pass, ${columns.join(", ")})
SELECT m.id, m.pass, ${columns.map((column) => `g.${column}`).join(", ")}
FROM #grouped AS g ${MINE} JOIN @fresh AS f ON f.id = g.id AND f.i = g.i WHERE f.kept = 1`,
  `UPDATE k SET n = k.n + r.n FROM (${REST}) AS r JOIN error_group AS k ON k.batch_id = r.id AND k.pass = r.pass AND k.name = ''`,
  `INSERT INTO error_group (batch_id, pass, name, n)
SELECT r.id, r.pass, '', r.n FROM (${REST}) AS r
WHERE NOT EXISTS (SELECT 1 FROM error_group AS k WHERE k.batch_id = r.id AND k.pass = r.pass AND k.name = '')`,
];
