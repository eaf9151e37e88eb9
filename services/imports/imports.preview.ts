/** The first records of a batch whose body is kept, as they came and as they are read. */

import type { Context } from "moleculer";
import { numbersOf } from "../../formats/correction/reserved.ts";
import { decode } from "../../formats/split/chunk-codec.ts";
import { Problem } from "../../lib/errors.ts";
import { actors } from "../actors.ts";
import { pinnedPolicy } from "../batches.ts";
import type { ParamsOf } from "../messages.ts";
import type { Preview } from "./imports.domain.ts";
import { checkedBy, readAs, Sample, shownRecords } from "./imports.look.ts";
import type { Intake } from "./imports.running.ts";

/** See the contract. */
export async function preview({ store }: Intake, ctx: Context<ParamsOf<"imports.preview">>): Promise<Preview> {
  const { publicId, clientId, limit } = ctx.params;
  const batch = await actors.batch.get(ctx, { publicId, clientId });
  const { policy } = await pinnedPolicy(ctx.broker, batch);
  const sample = new Sample(limit);
  if (batch.chunks === 0) throw gone();
  for (let no = 0; no < batch.chunks && !sample.isFull; no++) {
    const stored = await store.readChunk(batch.id, no);
    if (!stored) throw gone();
    const { codec, body, ...chunk } = stored;
    const decoded = await decode(codec, body);
    const raw = { ...chunk, data: batch.envelope.corrects ? numbersOf(decoded).data : decoded };
    sample.add(raw, await checkedBy(policy, batch, raw), batch);
  }
  return { ...readAs(batch, policy), records: shownRecords(sample.records, batch, policy) };
}

const gone = () => new Problem("gone", "The body of the batch is not kept any longer.");
