/** The datasets of a client as the client sees them: the kinds of import that it may send. */

import { formats } from "../../../formats/formats.ts";
import { Problem } from "../../../lib/errors.ts";
import { choice, type JsonSchema, listOf, orNull, record, text } from "../../../lib/json-schema.ts";
import { actors } from "../../actors.ts";
import { ownDataset } from "../../batch/batch.domain.ts";
import type { Dataset } from "../../policy/policy.contract.ts";
import { datasetForClient } from "../../policy/policy.schema.ts";
import { callerOf, type Exchange, json, type Reply } from "../http/exchange.ts";

const AT_ONCE = 200;

const linksOf = (name: string) => {
  const self = `/datasets/${name}`;
  return { self, imports: `${self}/imports`, template: `${self}/template` };
};

const itemOf = (name: string, { description, formats }: Dataset) => ({
  name,
  description,
  formats,
  links: linksOf(name),
});

const link = { type: "string", format: "uri-reference" };

/** The schema of what `listOwnDatasets` answers. */
export const ownDatasetsSchema: JsonSchema = record({
  items: listOf(
    record({
      name: text(),
      description: orNull(text()),
      formats: listOf(choice(formats)),
      links: record({ self: link, imports: link, template: link }),
    }),
  ),
});

/** Lists the client's datasets. The first one is `default`, the client's own policy. */
export async function listOwnDatasets(exchange: Exchange): Promise<Reply> {
  const { client, policy } = callerOf(exchange);
  const items = [itemOf(ownDataset, policy.policy)];
  for (let after = ""; ; ) {
    const grants = await actors.policy.grants(exchange.ctx, { clientId: client.id, after, limit: AT_ONCE });
    items.push(...grants.map(({ name, effective }) => itemOf(name, effective)));
    const last = grants.at(-1);
    if (!last || grants.length < AT_ONCE) return json(200, { items });
    after = last.name;
  }
}

/** The dataset that the path names, with the policy that is in force for it. Throws not-found. */
export async function effectiveOf(exchange: Exchange): Promise<{ name: string; effective: Dataset }> {
  const { client, policy } = callerOf(exchange);
  const name = exchange.path.name ?? "";
  if (name === ownDataset) return { name, effective: policy.policy };
  const grant = await actors.policy.grant(exchange.ctx, { clientId: client.id, name });
  if (!grant) throw new Problem("not-found", `This client has no dataset "${name}".`);
  return grant;
}

export async function getOwnDataset(exchange: Exchange): Promise<Reply> {
  const { name, effective } = await effectiveOf(exchange);
  return json(200, datasetForClient(name, effective));
}
