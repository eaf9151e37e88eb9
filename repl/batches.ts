/** The commands for batches. */

import type { ServiceBroker } from "moleculer";
import { Problem } from "../lib/errors.ts";
import { actors } from "../services/actors.ts";
import {
  type BatchRow,
  type BatchState,
  batchStates,
  type Reason,
  rowCountsOf,
} from "../services/batch/batch.domain.ts";
import { retryOfAnyClient } from "../services/behalf.ts";
import { call } from "../services/messages.ts";
import { type Answer, age, type Command, operand, say } from "./answer.ts";
import { clientNamed, nameOf } from "./clients.ts";

const SHOWN = 20;
const MOST_SHOWN = 200;
const ERRORS_SHOWN = 5;
const GROUPS_SHOWN = 5;

async function rowOf(broker: ServiceBroker, batch: BatchRow) {
  const { publicId: id, state, dataset, format, records: received, accepted, rejected, duplicate } = batch;
  const client = await nameOf(broker, batch.clientId);
  const counts = { received, accepted, rejected, duplicate, ...rowCountsOf(batch) };
  return {
    id,
    client,
    status: state,
    dataset,
    format,
    ...counts,
    attempts: batch.attemptsTotal,
    age: age(batch.createdAt),
  };
}

function stateNamed(name: unknown): { state?: BatchState } {
  if (name === undefined) return {};
  if (!(batchStates as readonly unknown[]).includes(name))
    throw new Problem("validation", `No such state: ${name}. There are ${batchStates.join(", ")}.`);
  return { state: name as BatchState };
}

function limitOf(typed: unknown): number {
  const limit = typed === undefined ? SHOWN : Number(typed);
  if (Number.isInteger(limit) && limit >= 1 && limit <= MOST_SHOWN) return limit;
  throw new Problem("validation", `--limit takes 1 to ${MOST_SHOWN}, not ${typed}.`);
}

const batches: Command = {
  command: "batches",
  description: "The newest batches",
  options: [
    { option: "--state <state>", description: "Only those in this state" },
    { option: "--client <client>", description: "Only those of this client (its id or identifier)" },
    { option: "--dataset <name>", description: "Only those of this dataset" },
    { option: "--limit <n>", description: `How many (${SHOWN})` },
  ],
  async run(broker, { options }) {
    const limit = limitOf(options.limit);
    const client = options.client === undefined ? null : await clientNamed(broker, String(options.client));
    const dataset = options.dataset === undefined ? {} : { dataset: String(options.dataset) };
    const wanted = { ...stateNamed(options.state), ...dataset, ...(client && { clientId: client.id }), limit };
    const found = await actors.batch.list(broker, wanted);
    const rows = await Promise.all(found.map((batch) => rowOf(broker, batch)));
    return rows.length > 0 ? { rows } : say("There is no such batch.");
  },
};

function inWords(reason: Reason): string {
  if ("code" in reason) return `${reason.code}: ${reason.detail}`;
  if ("hold" in reason && reason.hold === "order") return `held: order, behind ${reason.batchId}`;
  return "hold" in reason ? `held: ${reason.hold}` : `waits: ${reason.waits}`;
}

async function detailsOf(broker: ServiceBroker, batch: BatchRow): Promise<Answer> {
  const { reason, owner, dueAt, chunks, nextChunk, fence, requestId, finishedAt } = batch;
  // An ended batch waits for nothing.
  const chunk = chunks > 0 ? `${nextChunk} of ${chunks}` : "-";
  const about = { ...(await rowOf(broker, batch)), chunk, fence, owner, requestId };
  const times = { due: dueAt && new Date(dueAt).toISOString(), finished: age(finishedAt) };
  const why = reason && inWords(reason);
  const rows = Object.entries({ ...about, ...times, why }).map(([field, value]) => ({ field, value }));
  const errors = await actors.batch.errors(broker, { id: batch.id, after: 0, limit: ERRORS_SHOWN });
  const lines = errors.map(
    ({ seq, line, errors: [first] }) =>
      `record ${seq} (line ${line ?? "-"}): ${first?.field} ${first?.code} ${first?.message}`,
  );
  const notes = [
    ...(await groupLines(broker, batch)),
    ...(lines.length > 0 ? ["The first rejected records:", ...lines] : []),
  ];
  return { rows, ...(notes.length > 0 && { notes }) };
}

async function groupLines(broker: ServiceBroker, { id }: BatchRow): Promise<string[]> {
  const { total, groups } = await actors.batch.errorSummary(broker, { id });
  const shown = groups.slice(0, GROUPS_SHOWN);
  const others = shown.reduce((left, { count }) => left - count, total);
  const lines = shown.map(
    ({ field, code, count, message, firstRecord }) =>
      `${count} × ${field || "(record)"} ${code}: ${message} (first: record ${firstRecord})`,
  );
  return total === 0 ? [] : ["Errors by field and code:", ...lines, ...(others > 0 ? [`${others} × others`] : [])];
}

const batch: Command = {
  command: "batch <id>",
  description: "Everything about one batch",
  async run(broker, args) {
    return detailsOf(broker, await actors.batch.get(broker, { publicId: operand(args, "id") ?? "" }));
  },
};

const move = (name: "redrive" | "skip" | "cancel", description: string): Command => ({
  command: `${name} <id>`,
  description,
  async run(broker, args) {
    const moved = await call(broker, `batch.${name}`, { publicId: operand(args, "id") ?? "" });
    return { rows: [await rowOf(broker, moved)] };
  },
});

const retry: Command = {
  command: "retry <id>",
  description: "Sends the rejected records of an ended batch again, as a new batch of its client",
  async run(broker, args) {
    const { batch, isNew } = await retryOfAnyClient(broker, { publicId: operand(args, "id") ?? "" });
    return { rows: [await rowOf(broker, batch)], ...(!isNew && { notes: ["They were sent again before."] }) };
  },
};

const history: Command = {
  command: "history <id>",
  description: "Who has moved a batch, when and why, and how its attempts failed",
  async run(broker, args) {
    const { batch, items, isCut } = await actors.batch.history(broker, { publicId: operand(args, "id") ?? "" });
    const partner = await nameOf(broker, batch.clientId);
    const rows = items.map(({ at, from, to, by: { kind, name }, node, attempt, chunk, code, detail, reason }) => ({
      at: new Date(at).toISOString(),
      from,
      to,
      by: [kind, kind === "partner" ? partner : name].filter(Boolean).join(" "),
      node,
      attempt,
      chunk,
      why: [code, detail].filter(Boolean).join(": "),
      reason,
    }));
    return { rows, ...(isCut && { notes: ["Moves or attempts in between are no longer kept."] }) };
  },
};

const undo: Command = {
  command: "undo <id> <reason>",
  description: "Takes back what a batch has delivered to DataFlow's own store",
  async run(broker, args) {
    const [publicId = "", reason = ""] = [operand(args, "id"), operand(args, "reason")];
    const { batch } = await actors.batch.undo(broker, { publicId, reason });
    return { rows: [await rowOf(broker, batch)] };
  },
};

const applied: Command = {
  command: "applied",
  description: "What other databases' dataflow_applied says of the batches that go into tables there",
  async run(broker) {
    const all = await actors.batch.appliedRows(broker, {});
    if (all.length === 0) return say("TABLE_DATABASES names no database.");
    const rows = all.flatMap(({ database, rows: found }) =>
      (found ?? []).map(({ batch: id, fence, nextChunk: chunk, changedAt }) => {
        return { database, batch: id, fence, chunk, changed: age(changedAt) };
      }),
    );
    const notes = all.filter((one) => one.rows === null).map(({ database }) => `${database} cannot be asked now`);
    if (rows.length + notes.length === 0) return say("No batch is on its way into a table of another database.");
    return { rows, notes };
  },
};

export const batchCommands: Command[] = [
  batches,
  applied,
  batch,
  history,
  move("redrive", "Drives a failed batch again, with attempts at 0"),
  retry,
  move("skip", "Lets the batches behind a failed or held one go first"),
  move("cancel", "Cancels a batch; a worker's later writes are refused"),
  undo,
];
