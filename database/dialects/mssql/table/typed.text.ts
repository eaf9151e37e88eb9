/**
 * Rows as their table types them, in the temporary table `#typed`: so the server's own types and collations decide which keys are
 * equal. This comes before the transaction, where a text that is none of its type costs its row alone.
 */
import { quotedTable } from "../../../targets/names.ts";
import type { Part } from "../../../targets/staged.text.ts";
import type { TablePlan } from "../../../targets/target.ts";
import { LOCK_TIMEOUT_MS } from "../sql.ts";
import { IS_OF_TEXT } from "./states.ts";

/** XACT_ABORT OFF: an error that is caught undoes its statement alone. DATEFORMAT: a day in a datetime is year, month, day. */
export const OPTIONS = `SET NOCOUNT ON;
SET XACT_ABORT OFF;
SET DATEFORMAT ymd;
SET LOCK_TIMEOUT ${LOCK_TIMEOUT_MS};`;

const columns = (parts: Part[], of: string) => parts.map(({ i }) => `, ${of}c${i}`).join("");

/**
 * Columns as those of the table, but with room for NULL, without identities, and of the types that types of the company's own are
 * of: tempdb does not have these. `fresh`: null: no row of this key is there; else whether the record may change it.
 */
export const makeText = (plan: TablePlan, parts: Part[]): string => `DROP TABLE IF EXISTS #typed;
SELECT 0 AS n, 0 AS p, 0 AS round, CAST(NULL AS INT) AS fresh, ${parts
  .map(({ i, name, column }) => `CAST(t.${name} AS ${column.type}) AS c${i}`)
  .join(", ")}
INTO #typed FROM (SELECT 1 AS one) AS x LEFT JOIN ${quotedTable(plan.table)} AS t ON 1 = 0 WHERE 1 = 0;`;

/** Not every server makes money of a text without a CAST. Of others a CAST would cut what is too long. */
const given = ({ i, column: { type } }: Part) => (/money$/.test(type) ? `CAST(r.c${i} AS ${type})` : `r.c${i}`);

/** The n-th row. What the parts lack is as they are made: an INSERT without it would be NULL. */
const typing = (parts: Part[], which: string) => `INSERT INTO #typed (n, p, round${columns(parts, "")})
SELECT r.n, r.p, 0${parts.map((part) => `, ${given(part)}`).join("")} FROM #rows AS r${which}`;

/** Types that TRY_CAST does not take. */
const isLegacy = ({ column }: Part) => column.type === "image";
const misfit = ({ i, column }: Part) =>
  `WHEN r.c${i} IS NOT NULL AND TRY_CAST(r.c${i} AS ${column.type}) IS NULL THEN ${i}`;

const placeOf = (parts: Part[]) => {
  const known = parts.filter((part) => !isLegacy(part));
  return known.length === 0 ? "NULL" : `CASE ${known.map(misfit).join(" ")} END`;
};

/** Types all rows. Answers the rows whose text does not fit, each with its error and the place of its column. */
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
 * Rows of a round are written at once: of equal keys the first, then the second, and so on, piece by piece of so many rows. `starts`:
 * further rows with which a piece begins.
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

/** Each row is a round. */
export const ALONE = "UPDATE #typed SET round = n;";
