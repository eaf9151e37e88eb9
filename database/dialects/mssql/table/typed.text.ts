/**
 * SQL that copies staged rows to the temporary table `#typed`, with the column types of the company's table. So the
 * server's own types and collations decide which keys are equal. This happens before the transaction, where a text that
 * does not fit its type refuses only its own row.
 */
import { quotedTable } from "../../../targets/names.ts";
import type { Part } from "../../../targets/staged.text.ts";
import type { TablePlan } from "../../../targets/target.ts";
import { LOCK_TIMEOUT_MS } from "../sql.ts";
import { IS_OF_TEXT } from "./states.ts";

/**
 * Options of a batch. XACT_ABORT OFF: a caught error undoes only its statement. DATEFORMAT: a day in a datetime is
 * year, month, day.
 */
export const OPTIONS = `SET NOCOUNT ON;
SET XACT_ABORT OFF;
SET DATEFORMAT ymd;
SET LOCK_TIMEOUT ${LOCK_TIMEOUT_MS};`;

const columns = (parts: Part[], of: string) => parts.map(({ i }) => `, ${of}c${i}`).join("");

/**
 * Makes `#typed`. Its columns are those of the table, but allow NULL and have no identity. A type of the company's own
 * is replaced by its base type, because tempdb does not have the company's types. `fresh`: NULL if no row has the key;
 * otherwise whether the record may change the row.
 */
export const makeText = (plan: TablePlan, parts: Part[]): string => `DROP TABLE IF EXISTS #typed;
SELECT 0 AS n, 0 AS p, 0 AS round, CAST(NULL AS INT) AS fresh, ${parts
  .map(({ i, name, column }) => `CAST(t.${name} AS ${column.type}) AS c${i}`)
  .join(", ")}
INTO #typed FROM (SELECT 1 AS one) AS x LEFT JOIN ${quotedTable(plan.table)} AS t ON 1 = 0 WHERE 1 = 0;`;

/**
 * The value of a column. Money gets a CAST, because not every server converts a text to money without one. Other types
 * get none, because a CAST would cut a text that is too long.
 */
const given = ({ i, column: { type } }: Part) => (/money$/.test(type) ? `CAST(r.c${i} AS ${type})` : `r.c${i}`);

/** The INSERT into `#typed` of the rows that `which` selects. `fresh` stays NULL at first. */
const typing = (parts: Part[], which: string) => `INSERT INTO #typed (n, p, round${columns(parts, "")})
SELECT r.n, r.p, 0${parts.map((part) => `, ${given(part)}`).join("")} FROM #rows AS r${which}`;

/** Whether a column has a type that TRY_CAST does not support. */
const isLegacy = ({ column }: Part) => column.type === "image";
const misfit = ({ i, column }: Part) =>
  `WHEN r.c${i} IS NOT NULL AND TRY_CAST(r.c${i} AS ${column.type}) IS NULL THEN ${i}`;

const placeOf = (parts: Part[]) => {
  const known = parts.filter((part) => !isLegacy(part));
  return known.length === 0 ? "NULL" : `CASE ${known.map(misfit).join(" ")} END`;
};

/**
 * Copies all rows to `#typed`. Answers the rows with a text that does not fit, each with its error and the place of its
 * column.
 */
export const typeText = (parts: Part[]): string => `${OPTIONS}
DECLARE @n INT;
DECLARE @number INT;
DECLARE @refused TABLE (n INT NOT NULL PRIMARY KEY, number INT NOT NULL, place INT NULL);
BEGIN TRY
${typing(parts, "")};
END TRY
BEGIN CATCH
SET @n = (SELECT MIN(r.n) FROM #rows AS r);
WHILE @n IS NOT NULL
BEGIN
BEGIN TRY
${typing(parts, " WHERE r.n = @n")};
END TRY
BEGIN CATCH
SET @number = ERROR_NUMBER();
IF NOT ${IS_OF_TEXT}
  THROW;
INSERT INTO @refused (n, number, place)
SELECT r.n, @number, ${placeOf(parts)} FROM #rows AS r WHERE r.n = @n;
END CATCH;
SET @n = (SELECT MIN(r.n) FROM #rows AS r WHERE r.n > @n);
END;
END CATCH;
SELECT r.n AS "rank", r.number AS "number", r.place AS "place" FROM @refused AS r ORDER BY r.n;`;

/**
 * Numbers the rounds in which rows are written: the first row of each key comes in the first round, the second row in
 * the second, and so on. The rows of a round are written at once, in pieces of `pieceRows` rows. `starts`: further rows
 * at which a new piece begins.
 */
export function roundsText(plan: TablePlan, parts: Part[], pieceRows: number | null, starts: number[] = []): string {
  const run = `CASE ${starts.map((n, i) => `WHEN s.n < ${n} THEN ${i}`).join(" ")} ELSE ${starts.length} END`;
  const piece = [...(pieceRows === null ? [] : [`s.n / ${pieceRows}`]), ...(starts.length === 0 ? [] : [run])];
  const key = plan.mode === "insert" ? [] : parts.filter(({ isKey }) => isKey).map(({ i }) => `s.c${i}`);
  const turn =
    key.length === 0 ? [] : [`ROW_NUMBER() OVER (PARTITION BY ${[...piece, ...key].join(", ")} ORDER BY s.n)`];
  const order = [...piece, ...turn];
  if (order.length === 0) return INDEXED;
  const names = order.map((_one, i) => `x.o${i}`).join(", ");
  return `UPDATE #typed SET round = given.round
FROM (SELECT x.n, DENSE_RANK() OVER (ORDER BY ${names}) AS round FROM (
  SELECT s.n, ${order.map((one, i) => `${one} AS o${i}`).join(", ")} FROM #typed AS s) AS x) AS given
WHERE given.n = #typed.n;
${INDEXED}`;
}

const INDEXED = "CREATE CLUSTERED INDEX typed_ix ON #typed (round, n);";

/** Gives each row a round of its own. */
export const ALONE = "UPDATE #typed SET round = n;";
