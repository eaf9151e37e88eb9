/** Authentication: Basic for clients, Bearer for operators. An unknown name and a wrong secret get the same answer. */

import { createHash, timingSafeEqual } from "node:crypto";
import type { ServiceBroker } from "moleculer";
import { Problem } from "../../../lib/errors.ts";
import { actors } from "../../actors.ts";
import type { Client } from "../../clientCache/clientCache.contract.ts";
import type { ApiRequest } from "./head.ts";
import type { FailedLogins } from "./logins.ts";

const basic = { "WWW-Authenticate": 'Basic realm="dataflow", charset="UTF-8"' };
const bearer = { "WWW-Authenticate": 'Bearer realm="dataflow"' };

/** The credentials of `Authorization: Basic` (RFC 7617); null: there are none. */
function basicCredentials(header = ""): { identifier: string; secret: string } | null {
  const [, encoded] = /^Basic +([A-Za-z0-9+/=_-]+) *$/i.exec(header) ?? [];
  if (!encoded) return null;
  const text = Buffer.from(encoded, "base64").toString();
  const colon = text.indexOf(":");
  return colon === -1 ? null : { identifier: text.slice(0, colon), secret: text.slice(colon + 1) };
}

/** Throws unauthenticated, too-many-failed-logins, client-disabled. */
export async function authenticatedClient(req: ApiRequest, failed: FailedLogins): Promise<Client> {
  const beganAt = performance.now();
  const credentials = basicCredentials(req.headers.authorization);
  // A missing header is no guess, so it does not count as a failed login.
  if (!credentials) throw new Problem("unauthenticated", "Credentials are missing.", { headers: basic });
  const client = await actors.clientCache.authenticate(req.$ctx, credentials);
  if (!client) return failed.refuse(req, basic, beganAt);
  if (client.status === "disabled") throw disabled();
  return client;
}

const disabled = () => new Problem("client-disabled", "This client is disabled.");

/** Why an `Authorization` that was valid no longer is; null: it still is. Throws unavailable. */
export async function refusalNow(broker: ServiceBroker, authorization: string): Promise<Problem | null> {
  const credentials = basicCredentials(authorization);
  const client = credentials && (await actors.clientCache.authenticate(broker, credentials));
  if (!client) return new Problem("unauthenticated", "The secret is no longer valid.", { headers: basic });
  return client.status === "disabled" ? disabled() : null;
}

const sha256 = (text: string) => createHash("sha256").update(text).digest();

/** Throws unauthenticated, too-many-failed-logins. */
export async function authenticateOperator(req: ApiRequest, adminToken: string, failed: FailedLogins): Promise<void> {
  const [, token] = /^Bearer +(\S+) *$/i.exec(req.headers.authorization ?? "") ?? [];
  if (!token) throw new Problem("unauthenticated", "The operators' token is missing.", { headers: bearer });
  if (!timingSafeEqual(sha256(token), sha256(adminToken))) await failed.refuse(req, bearer);
}
