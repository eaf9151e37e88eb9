/** The calls of operators about clients and their policies. */

import { Problem, rethrowUnder } from "../../../lib/errors.ts";
import {
  choice,
  described,
  instant,
  type JsonSchema,
  listOf,
  record,
  schemaRef,
  text,
} from "../../../lib/json-schema.ts";
import { actors } from "../../actors.ts";
import { isDatasetName } from "../../batch/batch.domain.ts";
import { type Client, type ClientStatus, clientStatuses } from "../../clientCache/clientCache.contract.ts";
import type { PolicyChanged } from "../../policy/policy.contract.ts";
import { webhookEvents } from "../../webhook/webhook.contract.ts";
import { type Exchange, json, privateJson, type Reply } from "../http/exchange.ts";
import { isDryRunOf, jsonBody, objectOf, queryOf, strictly, wrongQuery } from "../http/input.ts";
import { pageBody, pageOf } from "../http/pages.ts";
import { clientSchema, clientView, listedClientView, policyView } from "./views.ts";

const noSuchClient = () => new Problem("not-found", "There is no such client.");
/**
 * A client's name. People read names in lists, logs and files, where a line break could pass for the next entry. So a
 * name has no control characters.
 */
const name = {
  type: "string",
  trim: true,
  min: 1,
  max: 200,
  pattern: /^[^\p{Cc}\p{Cs}]*$/u,
  messages: { stringPattern: "expected no control characters, such as line breaks" },
} as const;

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
  legalHold: { type: "boolean", optional: true },
});
const A_DAY_SECONDS = 86_400;
const graceDefault = { default: A_DAY_SECONDS };
export const rotation = strictly({
  graceSeconds: { type: "number", integer: true, min: 0, max: 31_536_000, optional: true, jsonSchema: graceDefault },
});

/** Reads the body of a rotation, with its default. Throws validation. */
export const rotationOf = (body: unknown): { graceSeconds: number } => {
  const { graceSeconds = A_DAY_SECONDS } = rotation(body);
  return { graceSeconds };
};

export const rotated = ({ secret, previousValidUntil }: { secret: string; previousValidUntil: number }): Reply =>
  privateJson(200, { secret, previousValidUntil: new Date(previousValidUntil).toISOString() });

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
  return privateJson(201, { ...clientView(client), ...secrets }, { Location: `/admin/clients/${client.publicId}` });
}

/**
 * Checks the draft of a client. Whether the identifier is free cannot be checked, because only the call that creates
 * the client knows.
 */
async function dryNewClient({ ctx }: Exchange, { policy, ...body }: ReturnType<typeof newClient>): Promise<Reply> {
  if (policy !== undefined) await actors.policy.check(ctx, { policy }).catch(rethrowUnder("/policy"));
  return json(200, body);
}

const MOST_TEXT = 100;

/** Reads the query's `q`. Throws validation. */
function textOf(q: string): string {
  if (q.trim() === "" || q.length > MOST_TEXT) throw wrongQuery("q", `expected 1 to ${MOST_TEXT} characters`);
  return q.trim();
}

/** Reads the query's `status`. Throws validation. */
function statusOf(status: string): ClientStatus {
  const found = clientStatuses.find((one) => one === status);
  if (!found) throw wrongQuery("status", `expected one of ${clientStatuses.join(", ")}`);
  return found;
}

/** Reads the query's `dataset`. Throws validation. */
function datasetOf(name: string): string {
  if (!isDatasetName(name)) throw wrongQuery("dataset", "expected the name of a dataset");
  return name;
}

export async function listClients(exchange: Exchange): Promise<Reply> {
  const { q, status, dataset, ...query } = queryOf(exchange, "q", "status", "dataset", "limit", "cursor");
  const among = {
    ...(q !== undefined && { q: textOf(q) }),
    ...(status !== undefined && { status: statusOf(status) }),
    ...(dataset !== undefined && { dataset: datasetOf(dataset) }),
  };
  const page = pageOf(exchange, `clients ${JSON.stringify(among)}`, query);
  const clients = await actors.clientCache.list(exchange.ctx, { ...page.asked, ...among });
  return json(200, await pageBody(exchange, page, clients, listedClientView));
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
  const { graceSeconds } = rotationOf(await jsonBody(exchange, { isOptional: true }));
  const { publicId } = await clientOf(exchange);
  return rotated(await actors.clientCache.rotateSecret(exchange.ctx, { publicId, graceSeconds }));
}

export async function rotateWebhookSecret(exchange: Exchange): Promise<Reply> {
  const { graceSeconds } = rotationOf(await jsonBody(exchange, { isOptional: true }));
  const { id: clientId } = await clientOf(exchange);
  return rotated(await actors.policy.rotateWebhookSecret(exchange.ctx, { clientId, graceSeconds }));
}

/** The answer with a policy. Only the answer that gives a webhook its receiver carries the webhook's secret. */
const policyReply = ({ version, policy: stored, webhookSecret }: PolicyChanged): Reply => {
  const policy = policyView(stored);
  const headers = { ETag: `"${version}"` };
  if (!webhookSecret) return json(200, policy, headers);
  return privateJson(200, { ...policy, webhook: { ...policy.webhook, secret: webhookSecret } }, headers);
};

const GREATEST = 2_147_483_647;

/**
 * The version of a policy that the query asks for. Undefined if it asks for the version in force. Throws validation.
 */
export function versionOf(exchange: Exchange): number | undefined {
  const { version } = queryOf(exchange, "version");
  if (version === undefined) return undefined;
  const number = /^\d{1,10}$/.test(version) ? Number(version) : GREATEST + 1;
  if (number > GREATEST) throw wrongQuery("version", `expected a whole number up to ${GREATEST}`);
  return number;
}

export async function getPolicy(exchange: Exchange): Promise<Reply> {
  const version = versionOf(exchange);
  const { id: clientId } = await clientOf(exchange);
  return policyReply(
    version === undefined
      ? await actors.policy.get(exchange.ctx, { clientId })
      : await actors.policy.keptVersion(exchange.ctx, { clientId, version }),
  );
}

/**
 * The versions that `If-Match` names (RFC 9110, 13.1.1). Null if any version will do. A tag that is no version counts
 * as -1, which no policy has.
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

/** The body of a pause and of its end: the operator's reason. */
export const pause = strictly({ reason: { type: "string", min: 1, max: 1_000, optional: true } });

/** Pauses a client, or ends its pause. Batches of a paused client wait until an operator ends the pause. */
async function turn(exchange: Exchange, how: "pause" | "resume"): Promise<Reply> {
  const { reason } = pause(await jsonBody(exchange, { isOptional: true }));
  const { publicId } = await clientOf(exchange);
  const given = { publicId, ...(reason !== undefined && { reason }) };
  return json(200, clientView(await actors.clientCache[how](exchange.ctx, given)));
}

export const pauseClient = (exchange: Exchange) => turn(exchange, "pause");
export const resumeClient = (exchange: Exchange) => turn(exchange, "resume");
