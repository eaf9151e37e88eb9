/** The calls of operators about the batches of all clients. */

import {
  choice,
  count,
  described,
  flag,
  id,
  instant,
  type JsonSchema,
  listOf,
  orNull,
  record,
  text,
} from "../../../lib/json-schema.ts";
import { actors } from "../../actors.ts";
import { type BatchOutlook, type BatchRow, isFinal, visibleStates } from "../../batch/batch.domain.ts";
import { MOST_COUNTED_BATCHES } from "../../batch/batch.filter.domain.ts";
import type { BatchAttempt } from "../../batch/batch.reads.domain.ts";
import { call } from "../../messages.ts";
import type { Claimants } from "../../monitor/monitor.contract.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";
import { isDryRunOf, jsonBody, strictly, wrongQuery } from "../http/input.ts";
import { beyond, foundBody, nothingListed, pageOf } from "../http/pages.ts";
import { batchQueryOf, filterNames, filterOf, statesIn } from "./batch-filter.ts";
import { attemptSchema, batchSchema, detailsView, listedBatchView } from "./views.ts";
import { batchWanted } from "./waiting.ts";

/** The body of a move of a batch: the operator's reason, for the audit and the history. */
export const withReason = strictly({ reason: { type: "string", max: 1_000, optional: true } });
export const undoing = strictly({ reason: { type: "string", min: 1, max: 1_000 } });

/** The schema of what a dry run of `undoBatch` answers. */
export const dryUndoSchema: JsonSchema = record(
  {
    id,
    status: choice(visibleStates),
    records: described(
      "Records that would be deleted, with their unique keys. 0: the batch is taken back already.",
      count,
    ),
    duplicatesElsewhere: described(
      "Records of other batches that were counted as duplicates of its records. They do not come back by themselves.",
      count,
    ),
    references: described(
      "Only where its records are rows of a table: the foreign keys by which other rows refer to them. Those rows are in the way.",
      listOf(record({ table: text(), columns: listOf(text()), constraint: orNull(text()) })),
    ),
  },
  ["references"],
);

/** The schema of what `countBatches` answers. */
export const batchCountsSchema: JsonSchema = record(
  Object.fromEntries(
    visibleStates.map((state) => [
      state,
      record({
        value: described(`So many were counted, at most ${MOST_COUNTED_BATCHES}.`, count),
        isMore: described("There are more, or may be.", flag),
      }),
    ]),
  ),
  visibleStates,
);

/** The schema of what `runView` answers. */
const runSchema: JsonSchema = record({
  node: described("Null: none runs it now.", orNull(text())),
  phase: described(
    "Whether this pass checks (`validate`, `check`, `review`) or delivers.",
    choice(["validate", "deliver", "check", "review"]),
  ),
  chunk: described("The chunk at hand, from 1.", count),
  chunks: count,
  attempt: described("Attempts at this chunk.", count),
  maxAttempts: count,
  nextAt: described("When it is tried again.", orNull(instant)),
});

/** The members that only `GET /admin/batches/{id}` tells. */
const detailsSchema: Record<string, JsonSchema> = {
  idempotencyKey: described("Only of one batch. Null: it has none, or it is no longer kept.", orNull(text())),
  children: described(
    "Only of one batch: the batches of its rejected records, the newest first, at most 50.",
    listOf(record({ id, status: choice(visibleStates), kind: choice(["retry", "correction"]) })),
  ),
  bodyKeptUntil: described(
    "Only of one batch: when its body is deleted. Null: it has not ended, or has no body any more.",
    orNull(instant),
  ),
  expiresAt: described("Only of one batch: when all of it is deleted. Null: it has not ended.", orNull(instant)),
};

/** The members of a batch that the list and events have in common. */
export const listedSchema: Record<string, JsonSchema> = {
  ...(batchSchema.properties as Record<string, JsonSchema>),
  clientId: orNull(id),
  client: described("Null: it is gone.", orNull(record({ id, clientIdentifier: text(), name: text() }))),
  policyVersion: described("The version of the policy under which it was taken. Below 0: of a dataset.", {
    type: "integer",
  }),
  run: described("While it runs, or waits to be tried again.", orNull(runSchema)),
  waits: described(
    "Why it waits: its client's cap or pause, its window, an approval, the batch in front of it, a failed attempt, a handler or a table that is not there, rows that others refer to, workers that are all paused. Null: nothing is in its way.",
    orNull(text()),
  ),
  waitsUntil: described("Until when it waits, where that is known.", orNull(instant)),
};

/** The schema of what `batchReply` answers. */
export const operatorBatchSchema: JsonSchema = record(
  {
    ...listedSchema,
    lastAttempt: described(
      "The last attempt that failed, also where the batch went on afterwards.",
      orNull(attemptSchema),
    ),
    ...detailsSchema,
  },
  ["validateOnly", "corrects", ...Object.keys(detailsSchema)],
);

export async function batchReply(exchange: Exchange, batch: BatchRow) {
  const [view] = await batchViews(exchange, [batch]);
  return view as typeof view & object;
}

/** The batches as operators see them. However many batches there are, each actor is asked once. */
async function batchViews(exchange: Exchange, batches: BatchRow[]) {
  const ids = [...new Set(batches.map(({ clientId }) => clientId))];
  const [attempts, clients, outlooks] = await Promise.all([
    lastAttempts(exchange, batches),
    ids.length > 0 ? actors.clientCache.many(exchange.ctx, { ids }) : [],
    outlooksOf(exchange, batches),
  ]);
  const byId = new Map(clients.map((client) => [client.id, client]));
  return batches.map((batch) =>
    listedBatchView(batch, {
      client: byId.get(batch.clientId),
      outlook: outlooks.get(batch.id),
      attempt: attempts.get(batch.id),
    }),
  );
}

async function outlooksOf({ ctx }: Exchange, all: BatchRow[]): Promise<Map<number, BatchOutlook>> {
  const batches = all.filter(({ state }) => !isFinal(state));
  const found = batches.length > 0 ? await actors.batch.outlooks(ctx, { batches }) : [];
  const ready = new Set(batches.filter(({ state }) => state === "ready").map(({ id }) => id));
  const isFree = ({ id, waits }: BatchOutlook) => waits === null && ready.has(id);
  // Only a batch with nothing else in its way may be waiting for a worker.
  const why = found.some(isFree) ? withoutWorkers[await actors.monitor.claimants(ctx, {})] : null;
  return new Map(found.map((outlook) => [outlook.id, isFree(outlook) ? { ...outlook, waits: why } : outlook]));
}

const withoutWorkers = { some: null, paused: "all workers are paused", none: "no worker runs" } satisfies Record<
  Claimants,
  string | null
>;

/** The last failed attempts, by the ids of their batches. A batch that never failed has none. */
async function lastAttempts({ ctx }: Exchange, batches: BatchRow[]): Promise<Map<number, BatchAttempt>> {
  const ids = batches.filter(({ attemptsTotal }) => attemptsTotal > 0).map(({ id }) => id);
  const found = ids.length > 0 ? await actors.batch.attempts(ctx, { ids, last: 1 }) : [];
  return new Map(found.map((attempt) => [attempt.batchId, attempt]));
}

/** Reads the query's `order`. Throws validation. */
function isOldestFirst(order = "newest"): boolean {
  if (order !== "newest" && order !== "oldest")
    throw wrongQuery("order", `expected newest or oldest; found ${JSON.stringify(order)}`);
  return order === "oldest";
}

export async function listBatches(exchange: Exchange): Promise<Reply> {
  const { limit, cursor, order, ...text } = batchQueryOf(exchange, ...filterNames, "order", "limit", "cursor");
  const fromOldest = isOldestFirst(order);
  const page = pageOf(exchange, fromOldest ? "batches, oldest first" : "batches", { limit, cursor });
  const filter = await filterOf(exchange.ctx, text);
  if (!filter) return json(200, nothingListed);
  const found = await actors.batch.find(exchange.ctx, { filter, page: beyond(page, fromOldest) });
  return json(200, foundBody(exchange, page, found, await batchViews(exchange, found.batches)));
}

const nothingCounted = { value: 0, isMore: false };

/** Answers how many batches of each state there are. Without `status` each state has its count. */
export async function countBatches(exchange: Exchange): Promise<Reply> {
  const text = batchQueryOf(exchange, ...filterNames);
  const filter = await filterOf(exchange.ctx, text);
  if (filter) return json(200, await actors.batch.counts(exchange.ctx, { filter }));
  const states = text.status === undefined ? visibleStates : statesIn(text.status);
  return json(200, Object.fromEntries(states.map((state) => [state, nothingCounted])));
}

export async function getBatch(exchange: Exchange): Promise<Reply> {
  const read = () => actors.batch.get(exchange.ctx, { publicId: exchange.path.id ?? "" });
  return batchWanted(exchange, read, async (batch) => {
    const [view, details] = await Promise.all([
      batchReply(exchange, batch),
      actors.batch.details(exchange.ctx, { batch }),
    ]);
    return { ...view, ...detailsView(details) };
  });
}

const moveBatch =
  (action: "batch.approve" | "batch.reject" | "batch.redrive" | "batch.skip" | "batch.cancel") =>
  async (exchange: Exchange): Promise<Reply> => {
    const body = withReason(await jsonBody(exchange, { isOptional: true }));
    const batch = await call(exchange.ctx, action, { publicId: exchange.path.id ?? "", ...body });
    return json(200, await batchReply(exchange, batch));
  };

export const approveBatch = moveBatch("batch.approve");
export const redriveBatch = moveBatch("batch.redrive");
export const skipBatch = moveBatch("batch.skip");
export const cancelBatch = moveBatch("batch.cancel");
export const rejectBatch = moveBatch("batch.reject");

/**
 * Undoes a batch. 202 if its records are being removed. 200 if they were removed already, or if nothing is done because
 * of `dryRun`.
 */
export async function undoBatch(exchange: Exchange): Promise<Reply> {
  const isDryRun = isDryRunOf(exchange);
  const { reason } = isDryRun
    ? withReason(await jsonBody(exchange, { isOptional: true }))
    : undoing(await jsonBody(exchange));
  const asked = { publicId: exchange.path.id ?? "", isDryRun, ...(reason !== undefined && { reason }) };
  const { batch, isNew, references, duplicatesElsewhere = 0 } = await actors.batch.undo(exchange.ctx, asked);
  const { publicId: id, state: status, accepted } = batch;
  if (isDryRun) {
    const records = isNew ? accepted : 0;
    return json(200, { id, status, records, duplicatesElsewhere, ...(references && { references }) });
  }
  return json(isNew ? 202 : 200, await batchReply(exchange, batch));
}

export async function getStats({ ctx }: Exchange): Promise<Reply> {
  return json(200, await actors.monitor.stats(ctx, {}));
}
