/**
 * The calls of a client about itself: who it is, how old its secrets are, and a new secret if the operators allow that.
 */
import { hash } from "node:crypto";
import { configOf } from "../../../config/config.ts";
import { Problem } from "../../../lib/errors.ts";
import {
  choice,
  described,
  flag,
  instant,
  type JsonSchema,
  listOf,
  orNull,
  record,
  text,
} from "../../../lib/json-schema.ts";
import { withoutQuery } from "../../../lib/net/allowed-target.ts";
import { actors } from "../../actors.ts";
import { DEFAULT_KEY, keyScopes, type Recognised } from "../../clientCache/clientCache.contract.ts";
import { webhookEvents } from "../../webhook/webhook.contract.ts";
import { nameCaller } from "../http/audit.ts";
import { callerOf, type Exchange, json, type Reply } from "../http/exchange.ts";
import { jsonBody } from "../http/input.ts";
import { rotated, rotationOf } from "./admin.clients.ts";
import { clientSchema, time } from "./views.ts";

type OwnField = "id" | "clientIdentifier" | "name" | "status" | "createdAt";
const { id, clientIdentifier, name, status, createdAt } = clientSchema.properties as Record<OwnField, JsonSchema>;
const previousValidUntil = described("Until when an earlier one is valid too; null: none is.", orNull(instant));

/** The schema of what `getAccount` answers. */
export const accountSchema: JsonSchema = record({
  id,
  clientIdentifier,
  name,
  status,
  createdAt,
  features: record({ rotateSecret: described("Whether you may rotate your own secret.", flag) }),
  key: described(
    "The key that you have logged in with.",
    record({ name: text(), expiresAt: orNull(instant), scopes: listOf(choice(keyScopes)) }),
  ),
  secret: record({
    createdAt: described("Null: it was made by an earlier version, which did not note it.", orNull(instant)),
    previousValidUntil,
  }),
  webhook: described(
    "Null: your policy names none.",
    orNull(
      record({
        url: text("Without its query."),
        events: listOf(choice(webhookEvents)),
        secret: record({ createdAt: instant, previousValidUntil }),
      }),
    ),
  ),
});

const keyView = (key: Recognised["key"]) => ({
  name: key?.name ?? DEFAULT_KEY,
  expiresAt: time(key?.expiresAt ?? null),
  scopes: key?.scopes ?? keyScopes,
});

/** The client's webhook, never with a secret. */
async function webhookView(exchange: Exchange) {
  const { client, policy } = callerOf(exchange);
  const { webhook } = policy.policy;
  const times = webhook && (await actors.policy.webhookSecretTimes(exchange.ctx, { clientId: client.id }));
  if (!times) return null;
  const secret = { createdAt: time(times.createdAt), previousValidUntil: time(times.previousValidUntil) };
  return { url: withoutQuery(webhook.url), events: webhook.events, secret };
}

export async function getAccount(exchange: Exchange): Promise<Reply> {
  const { ctx, req } = exchange;
  const { publicId, identifier, name, status, createdAt, key } = callerOf(exchange).client;
  const times = await actors.clientCache.secretTimes(ctx, { publicId });
  return json(200, {
    id: publicId,
    clientIdentifier: identifier,
    name,
    status,
    createdAt: time(createdAt),
    features: { rotateSecret: configOf(req.$service.broker).partnersRotate },
    key: keyView(key),
    secret: { createdAt: time(times.createdAt), previousValidUntil: time(times.previousValidUntil) },
    webhook: await webhookView(exchange),
  });
}

/**
 * Rotates the client's own secret. Throws forbidden if rotation is turned off, or if the request showed an older
 * secret, another key or a token. A session goes on with the new secret.
 */
export async function rotateOwnSecret(exchange: Exchange): Promise<Reply> {
  const { ctx, req, res } = exchange;
  const { client, secretHash, isSession } = callerOf(exchange);
  if (!configOf(req.$service.broker).partnersRotate)
    throw new Problem("forbidden", "Partners may not rotate their secrets here (PARTNERS_ROTATE): ask the operator.");
  if (secretHash === null)
    throw new Problem(
      "forbidden",
      "Only a login with the secret itself can rotate it. Log in with the secret, not with a token of another issuer.",
    );
  const { graceSeconds } = rotationOf(await jsonBody(exchange, { isOptional: true }));
  const { publicId, identifier } = client;
  nameCaller(req.$service, req, { who: identifier, role: "partner" });
  const asked = { publicId, graceSeconds, ifSecretHash: secretHash };
  const made = await actors.clientCache.rotateSecret(ctx, asked);
  const of = { kind: "partner", identifier, secretHash: hash("sha256", made.secret, "hex") } as const;
  if (isSession) req.$service.sessions.begin(req, res, of);
  return rotated(made);
}
