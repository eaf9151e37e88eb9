/**
 * Several batches on one connection, in one transaction: the rows of a company's table come first, and what became of them decides
 * what DataFlow writes. They have no parameters: a batch with parameters runs inside sp_executesql, which neither leaves a
 * transaction open nor ends one, and whose temporary tables end with it. Values come in temporary tables.
 */
import { randomInt } from "node:crypto";
import type mssql from "mssql";
import { MismatchedAnswer } from "../../errors.ts";
import { load, type Staged, tableText } from "./staging.ts";

const MOST_QUESTIONS = 2 ** 31;

/** The batches of one unit. A batch that throws loses the connection, and with it the transaction. */
export interface Together {
  /** Makes temporary tables anew and loads them. */
  load(tables: Staged[]): Promise<void>;
  /** All result sets that have columns, in order. Throws the driver's own errors. */
  run(text: string): Promise<unknown[][]>;
  /** The same of DataFlow's own tables: their names get their schema. */
  runOwn(text: string): Promise<unknown[][]>;
}

/** `named`: the text with the names of DataFlow's own tables. */
export function togetherOn(lane: mssql.ConnectionPool, named: (text: string) => string): Together {
  /** The number of the question comes back with its answer, so that a wrong answer is noticed. */
  async function run(text: string): Promise<unknown[][]> {
    const asked = randomInt(MOST_QUESTIONS);
    const { recordsets } = await lane.request().batch(`SELECT ${asked} AS "asked";\n${text}`);
    const [told, ...sets] = recordsets as unknown[][];
    if ((told?.[0] as { asked?: number } | undefined)?.asked !== asked) throw new MismatchedAnswer();
    return sets;
  }
  return {
    async load(tables) {
      await lane.request().batch(tableText(tables));
      for (const table of tables) if (table.rows.length > 0) await load(lane, table);
    },
    run,
    runOwn: (text) => run(named(text)),
  };
}
