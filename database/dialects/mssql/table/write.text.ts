/**
 * SQL that writes typed rows to the table, round by round, inside the server. Existing rows are locked and changed,
 * other rows are inserted. MERGE is not used, because it locks less than it reads. The ranges of missing keys stay
 * locked as well, so that nobody else can insert these keys meanwhile.
 */
import { quotedTable } from "../../../targets/names.ts";
import type { Pattern } from "../../../targets/stage.ts";
import {
  assignments,
  type InsertGroup,
  insertGroups,
  isKept,
  isNewer,
  isOneOf,
  isSameKey,
  NEVER,
  type Part,
} from "../../../targets/staged.text.ts";
import type { TablePlan } from "../../../targets/target.ts";
import { IS_OF_ROW } from "./states.ts";
import { OPTIONS } from "./typed.text.ts";

/** The first result set of both texts: the counts. `ToldRow` is the second: each record that changed nothing. */
export interface Counted {
  created: number;
  updated: number;
  deleted: number;
  /** The number of the error because of which nothing was written; null: there was no error. */
  number: number | null;
  /** The round with which the next request begins; null: all rounds are written. */
  next: number | null;
  /** 1 if an error has ended the transaction, and all rows must be written again without the refused rows. */
  again: number;
}
export interface ToldRow {
  rank: number;
  isMissing: number;
}
/** A row that the text for single rows has refused. These rows are the last result set. */
export interface RefusedRaw {
  rank: number;
  number: number;
  told: string;
}

/**
 * How many rounds one request writes. The driver ends a request that takes too long, and a chunk may have a round for
 * each of its rows. The transaction stays open between requests.
 */
export const ROUNDS_A_REQUEST = 200;

const DECLARED = `${OPTIONS}
DECLARE @round INT;
DECLARE @left INT = ${ROUNDS_A_REQUEST};
DECLARE @number INT;
DECLARE @again INT = 0;
DECLARE @created INT = 0;
DECLARE @updated INT = 0;
DECLARE @deleted INT = 0;
DECLARE @told TABLE (n INT NOT NULL, missing INT NOT NULL);`;

const ANSWER = `SELECT @created AS "created", @updated AS "updated", @deleted AS "deleted", @number AS "number", @round AS "next", @again AS "again";
SELECT t.n AS "rank", t.missing AS "isMissing" FROM @told AS t ORDER BY t.n;`;

const UNDONE = `IF @@TRANCOUNT > 0
  ROLLBACK;`;

/** BEGIN TRAN, in the request that has the first round. */
const begun = (from: number) => (from === 0 ? "\nBEGIN TRAN;" : "");
const firstRound = (from: number) => `SET @round = (SELECT MIN(s.round) FROM #typed AS s WHERE s.round >= ${from});`;
const NEXT_ROUND = `SET @left = @left - 1;
SET @round = (SELECT MIN(s.round) FROM #typed AS s WHERE s.round > @round);`;
const GOES_ON = "WHILE @left > 0 AND @round IS NOT NULL";

/**
 * A request that writes rows together, from the round `from` on. After the error of a row nothing is written, and the
 * transaction is over.
 */
export const togetherText = (
  plan: TablePlan,
  parts: Part[],
  patterns: Pattern[],
  from: number,
): string => `${DECLARED}${begun(from)}
BEGIN TRY
${firstRound(from)}
${GOES_ON}
BEGIN
${written(plan, parts, patterns)};
${NEXT_ROUND}
END;
END TRY
BEGIN CATCH
SET @number = ERROR_NUMBER();
${UNDONE}
IF NOT ${IS_OF_ROW}
  THROW;
END CATCH;
${ANSWER}`;

/**
 * A request that writes rows one by one, in the order of the records. A refused row is undone alone. If its error has
 * doomed the transaction, as errors in triggers do, all rows are written again without the rows refused so far.
 */
export const aloneText = (plan: TablePlan, parts: Part[], patterns: Pattern[], from: number): string => `${DECLARED}
DECLARE @text NVARCHAR(4000);
DECLARE @refused TABLE (n INT NOT NULL PRIMARY KEY, number INT NOT NULL, told NVARCHAR(4000) NULL);${begun(from)}
${firstRound(from)}
${GOES_ON}
BEGIN
BEGIN TRY
SAVE TRAN one_row;
${written(plan, parts, patterns)};
END TRY
BEGIN CATCH
SET @number = ERROR_NUMBER();
SET @text = ERROR_MESSAGE();
IF NOT ${IS_OF_ROW}
BEGIN
${UNDONE}
THROW;
END;
IF XACT_STATE() = 1
  ROLLBACK TRAN one_row;
ELSE
BEGIN
${UNDONE}
SET @again = 1;
SET @left = 0;
END;
INSERT INTO @refused (n, number, told)
SELECT s.n, @number, @text FROM #typed AS s WHERE s.n = @round;
END CATCH;
${NEXT_ROUND}
END;
SET @number = NULL;
${ANSWER}
SELECT r.n AS "rank", r.number AS "number", r.told AS "told" FROM @refused AS r ORDER BY r.n;`;

/** Deletes these rows from `#typed`, outside of a transaction, so that they stay deleted. */
export const withoutText = (ranks: number[]): string => `SET NOCOUNT ON;
DECLARE @refused NVARCHAR(MAX) = N'[${ranks.join(",")}]';
DELETE FROM #typed WHERE n IN (SELECT CAST(listed.value AS INT) FROM OPENJSON(@refused) AS listed);`;

const OF_ROUND = "s.round = @round";
/** A hint that makes the server look up keys one by one: a merge or hash join would read, and lock, the whole table. */
const KEY_BY_KEY = "OPTION (LOOP JOIN, FORCE ORDER)";

/** The statements that write the rows of a round, by mode. */
function written(plan: TablePlan, parts: Part[], patterns: Pattern[]): string {
  const { mode } = plan;
  const inserts = mode === "insert" || mode === "ignore" || mode === "upsert";
  const steps = [
    ...(mode === "insert" ? [] : [looked(plan, parts), ...told(plan, patterns)]),
    ...updated(plan, parts, patterns),
    ...removed(plan, parts, patterns),
    ...(inserts ? insertGroups(parts, patterns).flatMap((group) => inserted(plan, parts, patterns, group)) : []),
  ];
  return steps.join(";\n");
}

const joined = (plan: TablePlan, parts: Part[], hint = "") =>
  `FROM #typed AS s JOIN ${quotedTable(plan.table)} AS t${hint} ON ${isSameKey(parts, "s")} WHERE ${OF_ROUND}`;

const looked = (
  plan: TablePlan,
  parts: Part[],
) => `UPDATE s SET fresh = CASE WHEN ${isNewer(plan, parts, "s")} THEN 1 ELSE 0 END
${joined(plan, parts, " WITH (UPDLOCK, HOLDLOCK)")}
${KEY_BY_KEY}`;

/** The statements that note records that change nothing: duplicates, and records whose row is missing. */
function told({ mode }: TablePlan, patterns: Pattern[]): string[] {
  const noted = (missing: number, condition: string) => `INSERT INTO @told (n, missing)
SELECT s.n, ${missing} FROM #typed AS s WHERE ${OF_ROUND} AND ${condition}`;
  const gone = isOneOf(patterns, ({ isDelete }) => isDelete, "s");
  const marked = mode === "delete" || gone === NEVER ? "" : ` OR s.fresh IS NULL AND ${gone}`;
  const passed = mode === "ignore" ? "s.fresh IS NOT NULL" : `(s.fresh = 0${marked})`;
  const kept = mode === "delete" ? "" : ` AND ${isOneOf(patterns, isKept, "s")}`;
  return [noted(0, passed), ...(mode === "update" || mode === "delete" ? [noted(1, `s.fresh IS NULL${kept}`)] : [])];
}

/** Adds the row count of the statement right before it to a variable. */
const counted = (what: string) => `SET @${what} = @${what} + @@ROWCOUNT`;

function updated(plan: TablePlan, parts: Part[], patterns: Pattern[]): string[] {
  if ((plan.mode !== "upsert" && plan.mode !== "update") || !patterns.some(isKept)) return [];
  const sets = assignments(plan, parts, patterns, "s");
  const of = `s.fresh = 1 AND ${isOneOf(patterns, isKept, "s")}`;
  if (sets === null)
    return [`SET @updated = @updated + (SELECT COUNT(*) FROM #typed AS s WHERE ${OF_ROUND} AND ${of})`];
  return [`UPDATE t SET ${sets}\n${joined(plan, parts)} AND ${of}\n${KEY_BY_KEY}`, counted("updated")];
}

function removed(plan: TablePlan, parts: Part[], patterns: Pattern[]): string[] {
  if (!patterns.some(({ isDelete }) => isDelete)) return [];
  const of = `s.fresh = 1 AND ${isOneOf(patterns, ({ isDelete }) => isDelete, "s")}`;
  return [`DELETE t\n${joined(plan, parts)} AND ${of}\n${KEY_BY_KEY}`, counted("deleted")];
}

/**
 * Whether some of these patterns leave out all columns. An INSERT without columns makes one row only, so such rows are
 * written one by one.
 */
export const isBare = (parts: Part[], patterns: Pattern[]): boolean =>
  insertGroups(parts, patterns).some(({ left }) => left.size === parts.length);

function inserted(plan: TablePlan, parts: Part[], patterns: Pattern[], { left, of }: InsertGroup): string[] {
  const given = parts.filter(({ i }) => !left.has(i));
  const into = `INSERT INTO ${quotedTable(plan.table)}`;
  const isOf = isOneOf(patterns, (pattern) => of.includes(pattern), "s");
  const from = `FROM #typed AS s WHERE ${OF_ROUND} AND ${isOf}${plan.mode === "insert" ? "" : " AND s.fresh IS NULL"}`;
  if (given.length === 0)
    return [`IF EXISTS (SELECT 1 ${from})\nBEGIN\n${into} DEFAULT VALUES;\n${counted("created")};\nEND`];
  const [names, values] = [given.map(({ name }) => name), given.map(({ i }) => `s.c${i}`)];
  return [`${into} (${names.join(", ")})\nSELECT ${values.join(", ")} ${from} ORDER BY s.n`, counted("created")];
}
