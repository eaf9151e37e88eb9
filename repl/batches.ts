/** The commands for batches. */

import type { ServiceBroker } from "moleculer";
import { type BatchRow, type BatchState, batchStates } from "../database/store.ts";
import { Problem } from "../lib/errors.ts";
import { actors } from "../services/actors.ts";
import { call } from "../services/messages.ts";
import { type Answer, age, say } from "./answer.ts";
import { clientNamed, nameOf } from "./clients.ts";
import { type Command, operand } from "./command.ts";

const SHOWN = 20;
const MOST_SHOWN = 200;
const ERRORS_SHOWN = 5;

async function rowOf(broker: ServiceBroker, batch: BatchRow) {
  const { publicId: id, state, format, records: received, accepted, rejected, duplicate } = batch;
  const client = await nameOf(broker, batch.clientId);
  const counts = { received, accepted, rejected, duplicate };
  return { id, client, status: state, format, ...counts, attempts: batch.attemptsTotal, age: age(batch.createdAt) };
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
    { option: "--limit <n>", description: `How many (${SHOWN})` },
  ],
  async run(broker, { options }) {
    const limit = limitOf(options.limit);
    const client = options.client === undefined ? null : await clientNamed(broker, String(options.client));
    const wanted = { ...stateNamed(options.state), ...(client && { clientId: client.id }), limit };
    const found = await actors.batch.list(broker, wanted);
    const rows = await Promise.all(found.map((batch) => rowOf(broker, batch)));
    return rows.length > 0 ? { rows } : say("There is no such batch.");
  },
};

async function detailsOf(broker: ServiceBroker, batch: BatchRow): Promise<Answer> {
  const { reason, owner, dueAt, chunks, nextChunk, fence, requestId, finishedAt } = batch;
  // An ended batch waits for nothing.
  const chunk = chunks > 0 ? `${nextChunk} of ${chunks}` : "-";
  const about = { ...(await rowOf(broker, batch)), chunk, fence, owner, requestId };
  const times = { due: dueAt && new Date(dueAt).toISOString(), finished: age(finishedAt) };
  const why = reason && ("code" in reason ? `${reason.code}: ${reason.detail}` : `held: ${reason.hold}`);
  const rows = Object.entries({ ...about, ...times, why }).map(([field, value]) => ({ field, value }));
  const errors = await actors.batch.errors(broker, { id: batch.id, after: 0, limit: ERRORS_SHOWN });
  const lines = errors.map(
    ({ seq, line, errors: [first] }) =>
      `record ${seq} (line ${line ?? "-"}): ${first?.field} ${first?.code} ${first?.message}`,
  );
  return { rows, ...(lines.length > 0 && { notes: ["The first rejected records:", ...lines] }) };
}

const batch: Command = {
  command: "batch <id>",
  description: "Everything about one batch",
  async run(broker, args) {
    return detailsOf(broker, await actors.batch.get(broker, { publicId: operand(args, "id") ?? "" }));
  },
};

const move = (name: "redrive" | "cancel", description: string): Command => ({
  command: `${name} <id>`,
  description,
  async run(broker, args) {
    const moved = await call(broker, `batch.${name}`, { publicId: operand(args, "id") ?? "" });
    return { rows: [await rowOf(broker, moved)] };
  },
});

export const batchCommands: Command[] = [
  batches,
  batch,
  move("redrive", "Drives a failed batch again, with attempts at 0"),
  move("cancel", "Cancels a batch; a worker's later writes are refused"),
];
