/** The first records of a batch whose body is kept, as they came and as they are read. */

import type { Context } from "moleculer";
import type { SampleRecord } from "../../formats/check/sample.ts";
import { Problem } from "../../lib/errors.ts";
import { actors } from "../actors.ts";
import type { BatchRow } from "../batch/batch.domain.ts";
import { pinnedPolicy } from "../batches.ts";
import { checkedBy, chunkAgain } from "../bodies.ts";
import type { ParamsOf } from "../messages.ts";
import type { Preview } from "./imports.domain.ts";
import { readAs, Sample, shownRecords } from "./imports.look.ts";
import type { Intake } from "./imports.running.ts";

/** See the contract. */
export async function preview({ store }: Intake, ctx: Context<ParamsOf<"imports.preview">>): Promise<Preview> {
  const { publicId, clientId, limit } = ctx.params;
  const batch = await actors.batch.get(ctx, { publicId, clientId });
  const { policy } = await pinnedPolicy(ctx.broker, batch);
  const sample = new Sample(limit);
  if (batch.chunks === 0) throw gone();
  for (let no = 0; no < batch.chunks && !sample.isFull; no++) {
    const chunk = await chunkAgain({ store, batch, policy }, no);
    if (!chunk) throw gone();
    sample.add(chunk, await checkedBy(policy, batch, chunk), batch);
  }
  const records = await asFound(store, batch, sample.records);
  return { ...readAs(batch, policy), records: shownRecords(records, batch, policy) };
}

const MOST_BYTES = 1024 * 1024;

/** With the errors that only the work itself finds: of a handler, of a table, or of a number that a correction may not have. */
async function asFound(store: Intake["store"], batch: BatchRow, records: SampleRecord[]): Promise<SampleRecord[]> {
  if (batch.rejected === 0) return records;
  const listed = await store.errors(batch.id, 0, records.length, MOST_BYTES);
  const found = new Map(listed.map(({ seq, errors }) => [seq, errors]));
  return records.map((one) => {
    const errors = one.errors.length === 0 ? found.get(one.record) : undefined;
    return errors ? { ...one, data: null, errors } : one;
  });
}

const gone = () => new Problem("gone", "The body of the batch is not kept any longer.");
