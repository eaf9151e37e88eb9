/**
 * `GET …/{id}/rules`: whether the rules of a batch's dataset have changed since the batch was taken. A retry is checked
 * by today's rules.
 */
import { described, flag, type JsonSchema, orNull, record, text } from "../../../lib/json-schema.ts";
import { actors } from "../../actors.ts";
import { differences } from "../../audits.ts";
import { type BatchRow, ownDataset } from "../../batch/batch.domain.ts";
import { pinnedPolicy } from "../../batches.ts";
import type { Dataset, Policy } from "../../policy/policy.contract.ts";
import { completeDataset, datasetForClient } from "../../policy/policy.schema.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";
import { batchOf } from "./export.ts";

/** The rules in force, and the version of the document that has them. */
interface Rules {
  version: number;
  rules: Dataset;
}

export async function getRules(exchange: Exchange): Promise<Reply> {
  const batch = await batchOf(exchange);
  const { ctx, req } = exchange;
  const [pinned, now] = await Promise.all([pinnedPolicy(ctx.broker, batch), rulesNow(exchange, batch)]);
  const { dataset, policyVersion } = batch;
  const shown = (rules: Dataset) => (req.operator ? rules : datasetForClient(dataset, rules));
  const own = dataset === ownDataset ? policyVersion : null;
  return json(200, {
    dataset,
    version: { batch: pinned.isGone ? null : (pinned.datasetVersion ?? own), now: now ? now.version : null },
    isKept: !pinned.isGone,
    changes: pinned.isGone || !now ? null : differences(shown(completeDataset(pinned.policy)), shown(now.rules)),
  });
}

/** The present rules of the dataset. Null if the client no longer has the dataset. */
async function rulesNow({ ctx }: Exchange, { clientId, dataset: name }: BatchRow): Promise<Rules | null> {
  if (name === ownDataset) {
    const { version, policy } = await actors.policy.get(ctx, { clientId });
    return { version, rules: completeDataset(policy satisfies Policy) };
  }
  const [shared, grant] = await Promise.all([
    actors.policy.dataset(ctx, { name }),
    actors.policy.grant(ctx, { clientId, name }),
  ]);
  return shared && grant && { version: shared.version, rules: grant.effective };
}

const version = orNull({ type: "integer", minimum: 0 });

/** The schema of what `getRules` answers. */
export const rulesSchema: JsonSchema = record({
  dataset: text("`default`: the client's own policy."),
  version: record({
    batch: described(
      "Of the dataset, or of the client's policy, when the batch was taken. Null: nobody knows.",
      version,
    ),
    now: described("Null: the client does not have the dataset any more.", version),
  }),
  isKept: described("Whether the rules of the batch are still kept.", flag),
  changes: described(
    "What differs, also by the client's override: by JSON pointers the values before and now, where null also means that there is none. `truncated`: so many further members differ. Null: nothing can be compared.",
    orNull({ type: "object" }),
  ),
});
