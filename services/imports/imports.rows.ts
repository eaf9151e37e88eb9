/** The records of an ended batch, read again from its body: for the file that its partner corrects. */

import type { Context } from "moleculer";
import { actors } from "../actors.ts";
import type { RecordErrors } from "../batch/batch.reads.domain.ts";
import { pinnedPolicy } from "../batches.ts";
import {
  type ChunkAgain,
  chunkAgain,
  chunkOf,
  chunksWorked,
  recordsAgain,
  rejectedAgain,
  type StoredBody,
} from "../bodies.ts";
import type { ParamsOf } from "../messages.ts";
import type { RowsAgain } from "./imports.domain.ts";
import type { Intake } from "./imports.running.ts";

/** How many chunks without a rejected row one call reads. */
const CHUNKS_AT_ONCE = 10;
const ERRORS_AT_ONCE = 1000;
const BYTES_AT_ONCE = 1024 * 1024;

type Reading = StoredBody & { store: Pick<Intake["store"], "errors"> };

/** See the contract. */
export async function rows({ store }: Intake, ctx: Context<ParamsOf<"imports.rows">>): Promise<RowsAgain | null> {
  const { publicId, clientId, after, chunk: no, isAll } = ctx.params;
  const batch = await actors.batch.get(ctx, { publicId, clientId });
  const { policy, isGone } = await pinnedPolicy(ctx.broker, batch);
  // Another policy would reject other records.
  if (isGone || batch.chunks === 0) return null;
  const body = { store, batch, policy };
  let chunk = no === undefined ? await chunkOf(body, after + 1) : await chunkAgain(body, no);
  // No chunk has a record behind the last one.
  if (!chunk) return no === undefined && (await chunkAgain(body, 0)) ? { records: [], next: null } : null;
  const end = chunksWorked(batch);
  for (let looked = 1; ; looked++) {
    const records: RecordErrors[] = isAll ? await allOf(body, chunk) : await rejectedAgain(body, chunk);
    const found = records.filter(({ seq }) => seq > after);
    const next: number | null = chunk.no + 1 < end ? chunk.no + 1 : null;
    if (found.length > 0 || next === null || looked === CHUNKS_AT_ONCE) return { records: found, next };
    chunk = await chunkAgain(body, next);
    if (!chunk) return null;
  }
}

/** Each record of a chunk, with the errors that the report lists, and those that it has no room for. */
async function allOf(body: Reading, chunk: ChunkAgain): Promise<RecordErrors[]> {
  const { batch, store } = body;
  const rejected = batch.unlisted > 0 ? await rejectedAgain(body, chunk) : [];
  const faulty = new Map(rejected.map((one) => [one.seq, one]));
  const last = chunk.firstRecord + chunk.records - 1;
  for (let after = chunk.firstRecord - 1; after < last; ) {
    const page = await store.errors(batch.id, after, ERRORS_AT_ONCE, BYTES_AT_ONCE);
    for (const one of page) if (one.seq <= last) faulty.set(one.seq, one);
    after = page.at(-1)?.seq ?? last;
  }
  return recordsAgain(body, chunk).map((one) => faulty.get(one.seq) ?? one);
}
