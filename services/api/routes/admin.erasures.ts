/** The calls of operators that erase: a whole client, or everything about one person in the batches of a dataset. */

import { type Fault, Problem } from "../../../lib/errors.ts";
import {
  choice,
  count,
  described,
  id,
  instant,
  type JsonSchema,
  listOf,
  orNull,
  record,
  text,
} from "../../../lib/json-schema.ts";
import { actors } from "../../actors.ts";
import { type Criteria, type Erasure, erasureCounts, erasureStates } from "../../retention/retention.domain.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";
import { isDryRunOf, jsonBody, noBody, objectOf, queryOf, strictly } from "../http/input.ts";
import { pageBody, pageOf } from "../http/pages.ts";
import { clientOf } from "./admin.clients.ts";
import { time } from "./views.ts";

const MOST_FIELDS = 5;
const LONGEST_VALUE = 1_000;

const whereSchema: JsonSchema = {
  type: "object",
  minProperties: 1,
  maxProperties: MOST_FIELDS,
  additionalProperties: { type: ["string", "number"], minLength: 1, maxLength: LONGEST_VALUE },
};

export const newErasure = strictly({
  client: { type: "string", optional: true, jsonSchema: id },
  dataset: { type: "string" },
  where: { type: "any", jsonSchema: described("The person's value by field. All of them must be there.", whereSchema) },
});

export const erasureCountsSchema: JsonSchema = record(
  Object.fromEntries(
    erasureCounts.map((name) => [
      name,
      described(
        {
          batches: "Batches of which something was erased; of a client: all of it.",
          records: "Delivered records.",
          errors: "Errors of refused records, with their texts.",
          examples: "Values in groups of errors.",
          bodies: "Bodies, each whole.",
          deliveries: "Webhook deliveries.",
          uniqueKeys: "Hashes of unique keys: only where a client is erased.",
        }[name],
        count,
      ),
    ]),
  ),
);

export const erasureSchema: JsonSchema = record({
  id,
  status: choice(erasureStates),
  client: described("The id of the client; null: all clients with the dataset.", orNull(id)),
  clientIdentifier: orNull(text()),
  dataset: described("Null: the whole client is erased.", orNull(text())),
  fields: described(
    "The names in `where`. Their values are not shown, and are not kept when it is done.",
    listOf(text()),
  ),
  waits: described("What it waits for: a batch that has not ended, a legal hold.", orNull(text())),
  counts: erasureCountsSchema,
  createdAt: instant,
  finishedAt: orNull(instant),
});

export function erasureView({ publicId, state, createdAt, finishedAt, ...about }: Erasure) {
  const { client, clientIdentifier, dataset, fields, waits, counts } = about;
  const times = { createdAt: time(createdAt), finishedAt: time(finishedAt) };
  return { id: publicId, status: state, client, clientIdentifier, dataset, fields, waits, counts, ...times };
}

/**
 * Reads the fields and values that name a person. A fault says what is wrong, but never repeats the value, which may be
 * personal data.
 */
function criteriaOf(where: unknown): Criteria {
  const isObject = typeof where === "object" && where !== null && !Array.isArray(where);
  const fields = isObject ? Object.entries(where) : [];
  const faults: Fault[] = fields.flatMap(([name, value]) => {
    const isText = typeof value === "string" && value.trim() !== "" && value.length <= LONGEST_VALUE;
    if (isText || typeof value === "number") return [];
    const detail = `expected a number, or a text of 1 to ${LONGEST_VALUE} characters`;
    return [{ pointer: `/where/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`, detail }];
  });
  if (fields.length < 1 || fields.length > MOST_FIELDS)
    faults.push({ pointer: "/where", detail: `expected an object with 1 to ${MOST_FIELDS} fields` });
  if (faults.length > 0) throw new Problem("validation", "A field is wrong or unknown.", { errors: faults });
  return where as Criteria;
}

const begun = ({ publicId, state }: Erasure): Reply =>
  json(202, { id: publicId, status: state }, { Location: `/admin/erasures/${publicId}` });

export async function deleteClient(exchange: Exchange): Promise<Reply> {
  await noBody(exchange);
  const { publicId } = await clientOf(exchange);
  const erasure = await actors.clientCache.erase(exchange.ctx, { publicId });
  return begun(await actors.retention.erasure(exchange.ctx, { publicId: erasure }));
}

export async function postErasure(exchange: Exchange): Promise<Reply> {
  const isDryRun = isDryRunOf(exchange);
  const { where, ...asked } = newErasure(objectOf(await jsonBody(exchange)));
  const done = await actors.retention.erase(exchange.ctx, { ...asked, where: criteriaOf(where), isDryRun });
  return "counts" in done ? json(200, { counts: done.counts }) : begun(done.erasure);
}

export async function getErasure({ ctx, path }: Exchange): Promise<Reply> {
  return json(200, erasureView(await actors.retention.erasure(ctx, { publicId: path.id ?? "" })));
}

export async function listErasures(exchange: Exchange): Promise<Reply> {
  const page = pageOf(exchange, "erasures", queryOf(exchange, "limit", "cursor"));
  const erasures = await actors.retention.erasures(exchange.ctx, page.asked);
  return json(200, await pageBody(exchange, page, erasures, erasureView));
}
