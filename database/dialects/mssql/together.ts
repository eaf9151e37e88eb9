/**
 * Runs several batches on one connection, in one transaction. The rows of a company's table come first, and their
 * outcome decides what DataFlow writes. The batches have no parameters: a batch with parameters runs inside
 * sp_executesql, which can neither leave a transaction open nor end one, and drops its temporary tables at its end. So
 * values are sent in temporary tables.
 */
import { randomInt } from "node:crypto";
import type mssql from "mssql";
import { MismatchedAnswer } from "../../errors.ts";
import { load, type Staged, tableText } from "./staging.ts";

const MOST_QUESTIONS = 2 ** 31;

/** Runs the batches of one unit. A batch that throws loses the connection, and with it the transaction. */
export interface Together {
  /** Makes the temporary tables anew, and loads their rows. */
  load(tables: Staged[]): Promise<void>;
  /** Runs a batch, and answers all result sets that have columns, in order. Throws the driver's own errors. */
  run(text: string): Promise<unknown[][]>;
  /** Runs a batch on DataFlow's own tables, whose names get their schema. */
  runOwn(text: string): Promise<unknown[][]>;
}

/** Makes the access to a lane. `named`: fills the names of DataFlow's own tables into a text. */
export function togetherOn(lane: mssql.ConnectionPool, named: (text: string) => string): Together {
  /** Runs a batch. A number is sent with it and comes back with the answer, so that a wrong answer is noticed. */
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
