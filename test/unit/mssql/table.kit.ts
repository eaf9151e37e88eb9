/** A plan of a table on SQL Server, rows for the table, and a parser of the T-SQL that writes them. */

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { TablePlan } from "../../../database/targets/target.ts";
import type { TableRow } from "../../../services/batch/batch.table.domain.ts";
import { column, planOf, tableOf } from "../../helpers/targets.ts";

export const columns = [
  column("no", { kind: "integer", type: "int", isNotNull: true }),
  column("at]", { kind: "timestamp", type: "datetime2(3)" }),
  column("city", { kind: "text", type: "nvarchar(20)", hasDefault: true }),
];

export function plan(about: Partial<TablePlan> = {}): TablePlan {
  const of = planOf(columns, { key: ["no"], ...about });
  return { ...of, table: tableOf(columns, { dialect: "mssql", schema: "dbo", name: "o'rders" }) };
}

export const full: TableRow = { values: ["1", null, "Faro"], isDelete: false };
export const short: TableRow = { values: ["2", "2026-11-29 10:00:00", undefined], isDelete: false };
export const gone: TableRow = { values: ["3", undefined, undefined], isDelete: true };

/** Removes what the parser does not know. */
export const plainer = (text: string) =>
  text
    .replaceAll(/\s+OPTION \([A-Z ,]+\)/g, "")
    .replaceAll(/ WITH \(UPDLOCK, HOLDLOCK\)/g, "")
    .replaceAll(/\bEND TRY\b/g, "END;")
    .replaceAll(/(BEGIN|END) (TRY|CATCH)\b/g, "$1")
    .replaceAll(/SAVE TRAN one_row/g, "SELECT 1")
    .replaceAll(/ROLLBACK TRAN one_row/g, "ROLLBACK")
    .replaceAll(/\bTHROW;/g, "SELECT 1;")
    .replaceAll(/CLUSTERED /g, "");

export const faultsIn = (texts: string[]): string[] =>
  JSON.parse(
    execFileSync(process.execPath, [join(__dirname, "statements.parse.mjs")], {
      input: JSON.stringify(texts),
      encoding: "utf8",
    }),
  );
