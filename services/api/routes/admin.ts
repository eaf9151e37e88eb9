/** The calls of operators about clients, their policies, and all batches. */

import { Problem, rethrowUnder } from "../../../lib/errors.ts";
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
  schemaRef,
  text,
} from "../../../lib/json-schema.ts";
import { actors } from "../../actors.ts";
import { type BatchRow, isDatasetName } from "../../batch/batch.domain.ts";
import type { BatchAttempt } from "../../batch/batch.reads.domain.ts";
import { type Client, clientStatuses } from "../../clientCache/clientCache.contract.ts";
import { call } from "../../messages.ts";
import type { PolicyChanged } from "../../policy/policy.contract.ts";
import { webhookEvents } from "../../webhook/webhook.contract.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";
import { isDryRunOf, jsonBody, noBody, objectOf, queryOf, strictly } from "../http/input.ts";
import { nothingListed, pageBody, pageOf } from "../http/pages.ts";
import {
  attemptSchema,
  batchSchema,
  clientSchema,
  clientView,
  operatorBatchView,
  policyView,
  stateOf,
  visibleStates,
} from "./views.ts";
import { batchWanted } from "./waiting.ts";

const noSuchClient = () => new Problem("not-found", "There is no such client.");
const name = { type: "string", trim: true, min: 1, max: 200 } as const;

export const newClient = strictly({
  clientIdentifier: {
    type: "string",
    pattern: /^[a-z0-9._-]{3,64}$/,
    messages: { stringPattern: "expected 3 to 64 of a-z 0-9 . _ -" },
  },
  name,
  policy: { type: "any", optional: true, jsonSchema: schemaRef("PolicyInput") },
});
export const clientChange = strictly({
  name: { ...name, optional: true },
  status: { type: "enum", values: clientStatuses, optional: true },
});
const A_DAY_SECONDS = 86_400;
const graceDefault = { default: A_DAY_SECONDS };
export const rotation = strictly({
  graceSeconds: { type: "number", integer: true, min: 0, max: 31_536_000, optional: true, jsonSchema: graceDefault },
});
export const rejection = strictly({ reason: { type: "string", max: 1_000, optional: true } });
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
    references: described(
      "Only where its records are rows of a table: the foreign keys by which other rows refer to them. Those rows are in the way.",
      listOf(record({ table: text(), columns: listOf(text()), constraint: orNull(text()) })),
    ),
  },
  ["references"],
);

export async function clientOf({ ctx, path }: Exchange): Promise<Client> {
  const client = await actors.clientCache.get(ctx, { publicId: path.id ?? "" });
  if (!client) throw noSuchClient();
  return client;
}

/** The schema of what `postClient` answers. No other answer shows these secrets. */
export const newClientSchema: JsonSchema = record(
  {
    ...(clientSchema.properties as Record<string, JsonSchema>),
    secret: text("Shown in this answer only."),
    webhook: described(
      "Where the policy has one.",
      record({ url: text(), events: listOf(choice(webhookEvents)), secret: text("Shown in this answer only.") }),
    ),
  },
  ["webhook"],
);

/** The schema of what a rotation answers. */
export const rotatedSchema: JsonSchema = record({
  secret: text("Shown in this answer only."),
  previousValidUntil: instant,
});

export async function postClient(exchange: Exchange): Promise<Reply> {
  const isDryRun = isDryRunOf(exchange);
  const body = newClient(await jsonBody(exchange));
  if (isDryRun) return dryNewClient(exchange, body);
  const { client, ...secrets } = await actors.clientCache.create(exchange.ctx, body);
  return json(201, { ...clientView(client), ...secrets }, { Location: `/admin/clients/${client.publicId}` });
}

/** What would be made; whether the identifier is free only the call itself knows. */
async function dryNewClient({ ctx }: Exchange, { policy, ...body }: ReturnType<typeof newClient>): Promise<Reply> {
  if (policy !== undefined) await actors.policy.check(ctx, { policy }).catch(rethrowUnder("/policy"));
  return json(200, body);
}

export async function listClients(exchange: Exchange): Promise<Reply> {
  const page = pageOf(exchange, "clients", queryOf(exchange, "limit", "cursor"));
  const clients = await actors.clientCache.list(exchange.ctx, page.asked);
  return json(200, await pageBody(exchange, page, clients, clientView));
}

export async function getClient(exchange: Exchange): Promise<Reply> {
  return json(200, clientView(await clientOf(exchange)));
}

export async function patchClient(exchange: Exchange): Promise<Reply> {
  const change = clientChange(await jsonBody(exchange));
  const { publicId } = await clientOf(exchange);
  return json(200, clientView(await actors.clientCache.update(exchange.ctx, { publicId, ...change })));
}

export async function rotateSecret(exchange: Exchange): Promise<Reply> {
  const { graceSeconds = A_DAY_SECONDS } = rotation(await jsonBody(exchange, { isOptional: true }));
  const { publicId } = await clientOf(exchange);
  const rotated = await actors.clientCache.rotateSecret(exchange.ctx, { publicId, graceSeconds });
  return json(200, { secret: rotated.secret, previousValidUntil: new Date(rotated.previousValidUntil).toISOString() });
}

export async function rotateWebhookSecret(exchange: Exchange): Promise<Reply> {
  const { graceSeconds = A_DAY_SECONDS } = rotation(await jsonBody(exchange, { isOptional: true }));
  const { id: clientId } = await clientOf(exchange);
  const rotated = await actors.policy.rotateWebhookSecret(exchange.ctx, { clientId, graceSeconds });
  return json(200, { secret: rotated.secret, previousValidUntil: new Date(rotated.previousValidUntil).toISOString() });
}

/** Only the answer that gives a webhook its receiver carries its secret. */
const policyReply = ({ version, policy: stored, webhookSecret }: PolicyChanged): Reply => {
  const policy = policyView(stored);
  const shown = webhookSecret ? { ...policy, webhook: { ...policy.webhook, secret: webhookSecret } } : policy;
  return json(200, shown, { ETag: `"${version}"` });
};

export async function getPolicy(exchange: Exchange): Promise<Reply> {
  const { id: clientId } = await clientOf(exchange);
  return policyReply(await actors.policy.get(exchange.ctx, { clientId }));
}

/**
 * The versions that `If-Match` names (RFC 9110, 13.1.1); null: any. A tag that is no version counts as -1, which none
 * has.
 */
export function versionsWanted(header: string | undefined): number[] | null {
  if (header === undefined || header.trim() === "*") return null;
  return header.split(",").map((tag) => Number(/^\s*"(\d+)"\s*$/.exec(tag)?.[1] ?? -1));
}

async function changePolicy(exchange: Exchange, mode: "put" | "patch", types: string[]): Promise<Reply> {
  const isDryRun = isDryRunOf(exchange);
  const document = objectOf(await jsonBody(exchange, { types }));
  const { id: clientId } = await clientOf(exchange);
  const wanted = versionsWanted(exchange.req.headers["if-match"]);
  const { version } = await actors.policy.get(exchange.ctx, { clientId });
  const ifVersion = wanted && { ifVersion: wanted.includes(version) ? version : -1 };
  return policyReply(await actors.policy.change(exchange.ctx, { clientId, mode, document, isDryRun, ...ifVersion }));
}

export const putPolicy = (exchange: Exchange) => changePolicy(exchange, "put", ["application/json"]);
export const patchPolicy = (exchange: Exchange) =>
  changePolicy(exchange, "patch", ["application/merge-patch+json", "application/json"]);

/** The schema of what `batchReply` answers. */
export const operatorBatchSchema: JsonSchema = record(
  {
    ...(batchSchema.properties as Record<string, JsonSchema>),
    clientId: orNull(id),
    waits: described(
      "What it waits for while it is ready or undoing: a handler or a table that is not there, rows that others refer to.",
      orNull(text()),
    ),
    lastAttempt: described(
      "The last attempt that failed, also where the batch went on afterwards.",
      orNull(attemptSchema),
    ),
  },
  ["validateOnly", "corrects"],
);

async function batchReply(exchange: Exchange, batch: BatchRow) {
  return shown(exchange, batch, await lastAttempts(exchange, [batch]));
}

async function shown({ ctx }: Exchange, batch: BatchRow, attempts: Map<number, BatchAttempt>) {
  const client = await actors.clientCache.get(ctx, { id: batch.clientId });
  return operatorBatchView(batch, client?.publicId ?? null, attempts.get(batch.id));
}

/** Last failed attempts, by the ids of the batches. A batch that never failed has none. */
async function lastAttempts({ ctx }: Exchange, batches: BatchRow[]): Promise<Map<number, BatchAttempt>> {
  const ids = batches.filter(({ attemptsTotal }) => attemptsTotal > 0).map(({ id }) => id);
  const found = ids.length > 0 ? await actors.batch.attempts(ctx, { ids, last: 1 }) : [];
  return new Map(found.map((attempt) => [attempt.batchId, attempt]));
}

export async function listBatches(exchange: Exchange): Promise<Reply> {
  const query = queryOf(exchange, "client", "dataset", "status", "limit", "cursor");
  if (query.dataset !== undefined && !isDatasetName(query.dataset)) return json(200, nothingListed);
  const page = pageOf(exchange, "batches", query);
  const state = stateOf(query.status);
  const client =
    query.client === undefined ? null : await actors.clientCache.get(exchange.ctx, { publicId: query.client });
  if (query.client !== undefined && !client) return json(200, nothingListed);
  const batches = await actors.batch.list(exchange.ctx, {
    ...page.asked,
    ...state,
    ...(query.dataset !== undefined && { dataset: query.dataset }),
    ...(client && { clientId: client.id }),
  });
  const attempts = await lastAttempts(exchange, batches);
  return json(200, await pageBody(exchange, page, batches, (batch) => shown(exchange, batch, attempts)));
}

export async function getBatch(exchange: Exchange): Promise<Reply> {
  const read = () => actors.batch.get(exchange.ctx, { publicId: exchange.path.id ?? "" });
  return batchWanted(exchange, read, (batch) => batchReply(exchange, batch));
}

/** For approve, redrive, skip and cancel, which take no body. */
const moveBatch =
  (action: "batch.approve" | "batch.redrive" | "batch.skip" | "batch.cancel") =>
  async (exchange: Exchange): Promise<Reply> => {
    await noBody(exchange);
    const batch = await call(exchange.ctx, action, { publicId: exchange.path.id ?? "" });
    return json(200, await batchReply(exchange, batch));
  };

export const approveBatch = moveBatch("batch.approve");
export const redriveBatch = moveBatch("batch.redrive");
export const skipBatch = moveBatch("batch.skip");
export const cancelBatch = moveBatch("batch.cancel");

export async function rejectBatch(exchange: Exchange): Promise<Reply> {
  const body = rejection(await jsonBody(exchange, { isOptional: true }));
  const batch = await actors.batch.reject(exchange.ctx, { publicId: exchange.path.id ?? "", ...body });
  return json(200, await batchReply(exchange, batch));
}

/** 202: its records are on their way out. 200: they were already, or (`dryRun`) nothing is done. */
export async function undoBatch(exchange: Exchange): Promise<Reply> {
  const isDryRun = isDryRunOf(exchange);
  const { reason } = isDryRun
    ? rejection(await jsonBody(exchange, { isOptional: true }))
    : undoing(await jsonBody(exchange));
  const asked = { publicId: exchange.path.id ?? "", isDryRun, ...(reason !== undefined && { reason }) };
  const { batch, isNew, references } = await actors.batch.undo(exchange.ctx, asked);
  const { publicId: id, state: status, accepted } = batch;
  if (isDryRun) return json(200, { id, status, records: isNew ? accepted : 0, ...(references && { references }) });
  return json(isNew ? 202 : 200, await batchReply(exchange, batch));
}

export async function getStats({ ctx }: Exchange): Promise<Reply> {
  return json(200, await actors.monitor.stats(ctx, {}));
}
