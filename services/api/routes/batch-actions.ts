/** `POST /admin/batches/actions`: one move of many batches. Each is moved as its own call would move it. */

import { Problem } from "../../../lib/errors.ts";
import { count, described, flag, id, type JsonSchema, listOf, record, text } from "../../../lib/json-schema.ts";
import { actors } from "../../actors.ts";
import type { BatchRow } from "../../batch/batch.domain.ts";
import { commitOfAnyClient, retryOfAnyClient } from "../../behalf.ts";
import { call } from "../../messages.ts";
import { requireRejected } from "../../retries.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";
import { jsonBody, strictly } from "../http/input.ts";
import { type FilterText, filterNames, filterOf } from "./batch-filter.ts";

export const batchMoves = ["approve", "cancel", "commit", "redrive", "reject", "retry", "skip"] as const;
type BatchMove = (typeof batchMoves)[number];

const MOST_BATCHES = 1_000;
const EXAMPLES = 5;
/** Moves at the same time. Each is a write of its own, and uploads and workers write too. */
const AT_ONCE = 4;
/** A retry reads the body of its batch and takes one of its client's uploads, of which there may be one. */
const RETRIES_AT_ONCE = 1;
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
  dryRun: { type: "boolean", optional: true },
});

const wrong = (pointer: string, detail: string) =>
  new Problem("validation", "A field is wrong or missing.", { errors: [{ pointer, detail }] });

/** Throws validation. */
function idsIn(value: unknown): string[] {
  if (!Array.isArray(value) || value.length < 1 || value.length > MOST_BATCHES)
    throw wrong("/ids", `expected 1 to ${MOST_BATCHES} ids of batches`);
  const at = value.findIndex((one) => typeof one !== "string" || !UUID.test(one));
  if (at !== -1) throw wrong(`/ids/${at}`, "expected the id of a batch, a UUID");
  return [...new Set((value as string[]).map((one) => one.toLowerCase()))];
}

/** Throws validation. */
function filterIn(value: unknown): FilterText {
  const entries = typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
  // All batches there are is nothing that anybody means.
  if (entries.length === 0) throw wrong("/filter", "expected an object with at least one member");
  for (const [name, text] of entries) {
    if (!(filterNames as readonly string[]).includes(name)) throw wrong(`/filter/${name}`, "unknown field");
    if (typeof text !== "string") throw wrong(`/filter/${name}`, "expected a string, as in the query of the list");
  }
  return value as FilterText;
}

interface Found {
  ids: string[];
  isMore: boolean;
}

/** The states that a move begins in. The move itself decides: this is for a dry run. */
const movable: Record<Exclude<BatchMove, "retry">, readonly BatchRow["state"][]> = {
  approve: ["held"],
  reject: ["held"],
  redrive: ["failed"],
  skip: ["failed", "held"],
  cancel: ["received", "held", "ready", "processing"],
  commit: ["validated"],
};

/** Throws validation, unavailable. */
export async function moveBatches(exchange: Exchange): Promise<Reply> {
  const { action, ids: named, filter, reason, dryRun = false } = manyMoves(await jsonBody(exchange));
  if ((named === undefined) === (filter === undefined)) throw wrong("/ids", "expected either ids or filter");
  const { ids, isMore } =
    named === undefined ? await foundIds(exchange, filterIn(filter)) : { ids: idsIn(named), isMore: false };
  const refused: { id: string; code: string }[] = [];
  let done = 0;
  const one = async (publicId: string) => {
    const code = await (dryRun ? wouldRefuse(exchange, action, publicId) : moved(exchange, action, publicId, reason));
    if (code !== null) refused.push({ id: publicId, code });
    else if (!dryRun) done++;
  };
  const left = ids.values();
  const lane = async () => {
    for (const publicId of left) {
      // Nobody waits for the answer any more, or the node stops: what was moved stays moved.
      if (exchange.res.destroyed || exchange.req.$service.isStopping) return;
      await one(publicId);
    }
  };
  await Promise.all(Array.from({ length: action === "retry" ? RETRIES_AT_ONCE : AT_ONCE }, lane));
  return json(200, { matched: ids.length, isMore, examples: ids.slice(0, EXAMPLES), done, refused });
}

/** Why the batch was not moved; null: it was. Throws what ends the whole call. */
async function moved(
  { ctx }: Exchange,
  action: BatchMove,
  publicId: string,
  reason: string | undefined,
): Promise<string | null> {
  try {
    const asked = { publicId, ...(reason !== undefined && { reason }) };
    if (action === "retry") await retryOfAnyClient(ctx, { ...asked, requestId: ctx.requestID });
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

async function foundIds({ ctx }: Exchange, text: FilterText): Promise<Found> {
  const filter = await filterOf(ctx, text);
  const ids: string[] = [];
  let beyond: number | null | undefined = filter ? undefined : null;
  while (filter && beyond !== null && ids.length < MOST_BATCHES) {
    const limit = Math.min(FOUND_AT_ONCE, MOST_BATCHES - ids.length);
    const found = await actors.batch.find(ctx, { filter, page: { limit, ...(beyond !== undefined && { beyond }) } });
    ids.push(...found.batches.map(({ publicId }) => publicId));
    beyond = found.next;
  }
  return { ids, isMore: beyond !== null && beyond !== undefined };
}

/** The schema of what `moveBatches` answers. */
export const manyMovedSchema: JsonSchema = record({
  matched: described("Batches that were looked at.", count),
  isMore: described("The filter matches more than 1,000, or may: ask again.", flag),
  examples: described("Up to 5 of them.", listOf(id)),
  done: described("Batches that were moved; 0 in a dry run.", count),
  refused: described(
    "Those that were not, or in a dry run would not be by their state.",
    listOf(record({ id, code: text("As the call of one batch answers it.") })),
  ),
});
