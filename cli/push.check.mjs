// @ts-check
/** What a check has found, as text, and the question whether to import the file after all. */
import { createInterface } from "node:readline";
import { createInterface as createQuestions } from "node:readline/promises";
import { visible } from "../lib/log/visible.cjs";
import { count } from "./bar.mjs";

/** @typedef {import("./push.run.mjs").Batch} Batch */
/** @typedef {{ column: string, field: string | null, by: string }} Column */
/** @typedef {{ errors: { field: string, code: string, message: string }[] }} Rejected */

const GROUPS_SHOWN = 20;

/**
 * A line for each column, and one for each kind of error, the most frequent first.
 * @param {import("./push.http.mjs").Http} http
 * @param {Batch} batch
 */
export async function checkLines(http, batch) {
  const { body } = await http.json(`/imports/${batch.id}/preview?limit=1`, {});
  const { columns } = /** @type {{ columns: Column[] }} */ (body);
  const groups = batch.counts.rejected > 0 ? await groupsOf(http, batch) : [];
  return [
    ...(columns.length > 0 ? ["Columns:"] : []),
    ...columns.map(({ column, field }) => `  ${visible(column)} → ${field === null ? "dropped" : visible(field)}`),
    ...(groups.length > 0 ? ["Errors:"] : []),
    ...groups.slice(0, GROUPS_SHOWN).map(([text, n]) => `  ${count(n)} × ${visible(text)}`),
    ...(groups.length > GROUPS_SHOWN ? [`  and ${count(groups.length - GROUPS_SHOWN)} other kinds`] : []),
  ];
}

/**
 * The kinds of errors in the batch's report, with how often each one is there.
 * @param {import("./push.http.mjs").Http} http
 * @param {Batch} batch
 */
async function groupsOf(http, batch) {
  /** @type {Map<string, number>} */
  let groups = new Map();
  await http.stream(`/imports/${batch.id}/errors`, {}, async (body) => {
    groups = new Map();
    for await (const line of createInterface({ input: body })) {
      const { errors = [] } = /** @type {Partial<Rejected>} */ (JSON.parse(line));
      for (const { field, message } of errors) {
        const text = field ? `${field}: ${message}` : message;
        groups.set(text, (groups.get(text) ?? 0) + 1);
      }
    }
  });
  return [...groups].sort(([, a], [, b]) => b - a);
}

/**
 * Whether somebody at a terminal wants the file imported. Where nobody can be asked: no.
 * @param {Batch} batch
 * @param {AbortSignal} signal
 */
export async function isWanted({ counts }, signal) {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return false;
  const questions = createQuestions({ input: process.stdin, output: process.stdout });
  try {
    const records = `${count(counts.accepted)} of ${count(counts.received)} records`;
    return /^y(es)?$/i.test((await questions.question(`Import ${records}? [y/N] `, { signal })).trim());
  } finally {
    questions.close();
  }
}
