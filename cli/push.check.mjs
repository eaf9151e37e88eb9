// @ts-check
/** What a check has found, as text, and the question whether to import the file after all. */
import { createInterface as createQuestions } from "node:readline/promises";
import { visible } from "../lib/log/visible.cjs";
import { count } from "./bar.mjs";
import { Refused } from "./push.http.mjs";
import { groupLines } from "./push.report.mjs";

/** @typedef {import("./push.run.mjs").Batch} Batch */
/** @typedef {{ column: string, field: string | null, by: string }} Column */

const GROUPS_SHOWN = 20;

/**
 * A line for each column, and one for each kind of error, the most frequent first.
 * @param {import("./push.http.mjs").Http} http
 * @param {Batch} batch
 */
export async function checkLines(http, batch) {
  const columns = await columnsOf(http, batch);
  return [
    ...(columns.length > 0 ? ["Columns:"] : []),
    ...columns.map(({ column, field }) => `  ${visible(column)} → ${field === null ? "dropped" : visible(field)}`),
    ...(batch.counts.rejected > 0 ? await groupLines(http, batch, { most: GROUPS_SHOWN, least: 1 }) : []),
  ];
}

/**
 * None: the file has none, or a failed check keeps no body.
 * @param {import("./push.http.mjs").Http} http
 * @param {Batch} batch
 * @returns {Promise<Column[]>}
 */
async function columnsOf(http, batch) {
  try {
    return (await http.json(`/imports/${batch.id}/preview?limit=1`, {})).body.columns;
  } catch (error) {
    if (error instanceof Refused && error.status === 410) return [];
    throw error;
  }
}

/**
 * Asks the person at the terminal whether to import the file. Answers no if there is no terminal, or nothing would be imported.
 * @param {Batch} batch
 * @param {AbortSignal} signal
 */
export async function isWanted({ counts }, signal) {
  if (counts.accepted === 0 || !process.stdin.isTTY || !process.stdout.isTTY) return false;
  const questions = createQuestions({ input: process.stdin, output: process.stdout });
  // A terminal that is asked sends no signal for Ctrl-C.
  questions.on("SIGINT", () => process.emit("SIGINT"));
  try {
    const records = `${count(counts.accepted)} of ${count(counts.received)} records`;
    return /^y(es)?$/i.test((await questions.question(`Import ${records}? [y/N] `, { signal })).trim());
  } catch (error) {
    if (signal.aborted) throw error;
    // Ctrl-D, or a terminal that is gone: nobody wants it.
    console.log();
    return false;
  } finally {
    questions.close();
  }
}
