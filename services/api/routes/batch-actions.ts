/**
 * `POST /admin/batches/actions`: one move for many batches. Each batch is moved as the call for a single batch would
 * move it.
 */

import { Problem } from "../../../lib/errors.ts";
import { count, described, flag, id, type JsonSchema, listOf, orNull, record, text } from "../../../lib/json-schema.ts";
import { actors } from "../../actors.ts";
import type { BatchRow } from "../../batch/batch.domain.ts";
import { commitOfAnyClient, retryOfAnyClient } from "../../behalf.ts";
import { call } from "../../messages.ts";
import { requireRejected } from "../../retries.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";
import { jsonBody, strictly } from "../http/input.ts";
import { inLanes, Places } from "./batch-actions.lanes.ts";
import { type FilterText, filterNames, filterOf } from "./batch-filter.ts";

export const batchMoves = ["approve", "cancel", "commit", "redrive", "reject", "retry", "skip"] as const;
type BatchMove = (typeof batchMoves)[number];

const MOST_BATCHES = 1_000;
const EXAMPLES = 5;
/** How many moves run at the same time. Each is a write of its own, and uploads and workers write too. */
const AT_ONCE = 4;
/** How many retries run at the same time. Each retry reads and writes the records of its batch. */
const RETRIES_AT_ONCE = 8;
/**
 * The time after which no further batch begins. A proxy in front of the node waits a minute, and a retry of many
 * records takes some seconds.
 */
const BUDGET_MS = 20_000;
/**
 * The share of a client's places for uploads that such a call may use on this node, so that the client can go on with
 * its own uploads.
 */
const SHARE_OF_UPLOADS = 0.5;
const FOUND_AT_ONCE = 200;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const idsSchema: JsonSchema = { type: "array", items: id, minItems: 1, maxItems: MOST_BATCHES, uniqueItems: true };
const filterSchema: JsonSchema = {
  type: "object",
  minProperties: 1,
  properties: Object.fromEntries(filterNames.map((name) => [name, text()])),
  additionalProperties: false,
  description: "As the query of the list.",
};

export const manyMoves = strictly({
  action: { type: "enum", values: batchMoves },
  ids: { type: "any", optional: true, jsonSchema: idsSchema },
  filter: { type: "any", optional: true, jsonSchema: filterSchema },
  reason: { type: "string", max: 1_000, optional: true },
  limit: { type: "number", integer: true, min: 1, max: MOST_BATCHES, optional: true },
  cursor: { type: "string", optional: true },
  dryRun: { type: "boolean", optional: true },
});
type Which = Pick<ReturnType<typeof manyMoves>, "ids" | "filter" | "limit" | "cursor">;

/** The name under which cursors of this call are sealed. No list has this name, so no list takes such a cursor. */
const CURSORS = "batches to move";

const wrong = (pointer: string, detail: string) =>
  new Problem("validation", "A field is wrong or missing.", { errors: [{ pointer, detail }] });

/** Reads the ids of the body. Throws validation. */
function idsIn(value: unknown): string[] {
  if (!Array.isArray(value) || value.length < 1 || value.length > MOST_BATCHES)
    throw wrong("/ids", `expected 1 to ${MOST_BATCHES} ids of batches`);
  const at = value.findIndex((one) => typeof one !== "string" || !UUID.test(one));
  if (at !== -1) throw wrong(`/ids/${at}`, "expected the id of a batch, a UUID");
  return [...new Set((value as string[]).map((one) => one.toLowerCase()))];
}

/** Reads the filter of the body. Throws validation. */
function filterIn(value: unknown): FilterText {
  const entries = typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
  // A filter without members would mean all batches, which no caller intends.
  if (entries.length === 0) throw wrong("/filter", "expected an object with at least one member");
  for (const [name, text] of entries) {
    if (!(filterNames as readonly string[]).includes(name)) throw wrong(`/filter/${name}`, "unknown field");
    if (typeof text !== "string") throw wrong(`/filter/${name}`, "expected a string, as in the query of the list");
  }
  return value as FilterText;
}

/**
 * The batches that a call asks for, in order. `rowIds` are the row ids of batches that a filter has found, after which
 * a cursor can go on.
 */
interface Found {
  ids: string[];
  rowIds: number[];
  isMore: boolean;
}

/** The states that a batch can be moved from. The move itself decides; a dry run uses this table. */
const movable: Record<Exclude<BatchMove, "retry">, readonly BatchRow["state"][]> = {
  approve: ["held"],
  reject: ["held"],
  redrive: ["failed"],
  skip: ["failed", "held"],
  cancel: ["received", "held", "ready", "processing"],
  commit: ["validated"],
};

/** Moves many batches. Throws validation, unavailable. */
export async function moveBatches(exchange: Exchange): Promise<Reply> {
  const { action, reason, dryRun = false, ...which } = manyMoves(await jsonBody(exchange));
  const { ids, rowIds, isMore } = await wanted(exchange, which);
  const refused: { id: string; code: string }[] = [];
  let done = 0;
  const places = new Places();
  const one = async (publicId: string) => {
    const code = await (dryRun
      ? wouldRefuse(exchange, action, publicId)
      : moved(exchange, places, action, publicId, reason));
    if (code !== null) refused.push({ id: publicId, code });
    else if (!dryRun) done++;
  };
  const pace = { atOnce: action === "retry" ? RETRIES_AT_ONCE : AT_ONCE, isOver: overAfter(exchange, BUDGET_MS) };
  const begun = await inLanes(ids, pace, one);
  const last = rowIds[begun - 1];
  const after = last === undefined ? which.cursor : exchange.req.$service.cursors.seal(CURSORS, last);
  return json(200, {
    matched: ids.length,
    isMore,
    examples: ids.slice(0, EXAMPLES),
    done,
    refused,
    remaining: ids.length - begun,
    next: (begun < ids.length || isMore) && after !== undefined ? after : null,
  });
}

/**
 * Answers a function that says whether the call has to stop, because the time is over, the client has hung up, or the
 * node stops. Batches that were moved stay moved.
 */
function overAfter({ req, res }: Exchange, budgetMs: number): () => boolean {
  const until = performance.now() + budgetMs;
  return () => res.destroyed || req.$service.isStopping || performance.now() > until;
}

/** Finds the batches that the body asks for. Throws validation, unavailable. */
async function wanted(exchange: Exchange, { ids, filter, limit, cursor }: Which): Promise<Found> {
  if ((ids === undefined) === (filter === undefined)) throw wrong("/ids", "expected either ids or filter");
  if (ids !== undefined) {
    for (const [name, value] of Object.entries({ limit, cursor }))
      if (value !== undefined) throw wrong(`/${name}`, "expected only together with filter");
    return { ids: idsIn(ids), rowIds: [], isMore: false };
  }
  const text = filterIn(filter);
  const after = cursor === undefined ? undefined : exchange.req.$service.cursors.open(CURSORS, cursor);
  if (after === null) throw wrong("/cursor", "expected the `next` of an answer before");
  return foundIds(exchange, text, { most: limit ?? MOST_BATCHES, after });
}

/** Moves one batch. Answers why the batch was not moved, or null if it was. Throws errors that end the whole call. */
async function moved(
  { ctx }: Exchange,
  places: Places,
  action: BatchMove,
  publicId: string,
  reason: string | undefined,
): Promise<string | null> {
  try {
    const asked = { publicId, ...(reason !== undefined && { reason }) };
    if (action === "retry")
      await retryOfAnyClient(ctx, { ...asked, requestId: ctx.requestID }, ({ clientId, uploads }, send) =>
        places.run(clientId, Math.max(1, Math.floor(uploads * SHARE_OF_UPLOADS)), send),
      );
    else if (action === "commit") await commitOfAnyClient(ctx, asked);
    else await call(ctx, `batch.${action}`, asked);
    return null;
  } catch (error) {
    return codeOf(error);
  }
}

function codeOf(error: unknown): string {
  if (typeof error === "object" && error !== null && "type" in error && typeof error.type === "string")
    return error.type;
  throw error;
}

async function wouldRefuse({ ctx }: Exchange, action: BatchMove, publicId: string): Promise<string | null> {
  try {
    const batch = await actors.batch.get(ctx, { publicId });
    if (action !== "retry") return movable[action].includes(batch.state) ? null : "illegal-state";
    requireRejected(batch);
    return null;
  } catch (error) {
    return codeOf(error);
  }
}

/** The first `most` batches of the filter. With `after`, the first ones after that row. */
async function foundIds(
  { ctx }: Exchange,
  text: FilterText,
  { most, after }: { most: number; after: number | undefined },
): Promise<Found> {
  const filter = await filterOf(ctx, text);
  const batches: BatchRow[] = [];
  let beyond: number | null | undefined = filter ? after : null;
  while (filter && beyond !== null && batches.length < most) {
    const limit = Math.min(FOUND_AT_ONCE, most - batches.length);
    const found = await actors.batch.find(ctx, { filter, page: { limit, ...(beyond !== undefined && { beyond }) } });
    batches.push(...found.batches);
    beyond = found.next;
  }
  const isMore = beyond !== null && beyond !== undefined;
  return { ids: batches.map(({ publicId }) => publicId), rowIds: batches.map(({ id }) => id), isMore };
}

/** The schema of what `moveBatches` answers. */
export const manyMovedSchema: JsonSchema = record({
  matched: described("Batches that were looked at.", count),
  isMore: described("The filter matches more than were looked at, or may.", flag),
  examples: described("Up to 5 of them.", listOf(id)),
  done: described("Batches that were moved; 0 in a dry run.", count),
  refused: described(
    "Those that were not, or in a dry run would not be by their state.",
    listOf(record({ id, code: text("As the call of one batch answers it.") })),
  ),
  remaining: described(
    "Batches whose turn did not come in the time of one call: the last ones of `ids`. Ask again with those, or with `next`.",
    count,
  ),
  next: described(
    "With a filter: the `cursor` that goes on after the last batch that was looked at. Null: there is none left.",
    orNull(text()),
  ),
});
