/** What an operator asks to erase of a person: whether the dataset has these fields, and whose batches are looked at. */
import type { ServiceBroker } from "moleculer";
import type { BatchStore } from "../../database/store.ts";
import { fieldsOf } from "../../formats/read/fields.ts";
import { type Fault, Problem } from "../../lib/errors.ts";
import { actors } from "../actors.ts";
import { isDatasetName, ownDataset } from "../batch/batch.domain.ts";
import type { Client } from "../clientCache/clientCache.contract.ts";
import type { Criteria } from "./retention.domain.ts";

export interface Asked {
  client?: string | undefined;
  dataset: string;
  where: Criteria;
}

const wrong = (...errors: Fault[]) => new Problem("validation", "A field is wrong or unknown.", { errors });
const unknown = (pointer: string, detail: string) => wrong({ pointer, detail });

/** The client that is asked about; null: all with the dataset. Throws validation, legal-hold. */
export async function checkAsked(
  broker: ServiceBroker,
  store: Pick<BatchStore, "heldWith">,
  { client: publicId, dataset, where }: Asked,
): Promise<Client | null> {
  const client = publicId === undefined ? null : await actors.clientCache.get(broker, { publicId });
  if (publicId !== undefined && !client) throw unknown("/client", "expected the id of a client");
  const schema = await schemaOf(broker, client, dataset);
  const faults = schema ? fieldFaults(schema, Object.keys(where)) : [];
  if (faults.length > 0) throw wrong(...faults);
  const held = await store.heldWith(dataset);
  if (client ? client.legalHold : held.length > 0)
    throw new Problem(
      "legal-hold",
      client
        ? "The client is under a legal hold: nothing of it may be erased."
        : `Clients with batches of the dataset are under a legal hold (${held.length}): nothing of theirs may be erased.`,
    );
  return client;
}

/** The schema of the dataset. Null: the dataset is deleted, and its batches may have any field. */
async function schemaOf(broker: ServiceBroker, client: Client | null, name: string): Promise<object | null> {
  if (name === ownDataset) {
    if (!client) throw unknown("/client", `expected the id of a client: each has a dataset "${ownDataset}" of its own`);
    return (await actors.policy.get(broker, { clientId: client.id })).policy.schema;
  }
  const known = isDatasetName(name) ? await actors.policy.dataset(broker, { name }) : null;
  if (!known) throw unknown("/dataset", "expected the name of a dataset");
  if (!known.dataset) return null;
  const grant = client && (await actors.policy.grant(broker, { clientId: client.id, name }));
  return (grant?.effective ?? known.dataset).schema;
}

/** A schema without properties takes any. A misspelt field would erase nothing, and nobody would notice. */
function fieldFaults(schema: object, names: string[]): Fault[] {
  const paths = fieldsOf(schema).paths.map((path) => path.join("."));
  if (paths.length === 0) return [];
  return names
    .filter((name) => !paths.includes(name))
    .map((name) => ({ pointer: `/where/${name}`, detail: "expected the path of a field of the schema" }));
}
