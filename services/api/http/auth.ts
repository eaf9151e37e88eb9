/**
 * Authentication: Basic for clients, Bearer for operators, and the cookie of a session for both. If a request has both,
 * `Authorization` counts. An unknown name and a wrong secret get the same answer.
 */

import { hash, timingSafeEqual } from "node:crypto";
import type { ServerResponse } from "node:http";
import type { ServiceBroker } from "moleculer";
import { Problem } from "../../../lib/errors.ts";
import { actors, type Caller } from "../../actors.ts";
import type { Client, Recognised } from "../../clientCache/clientCache.contract.ts";
import { allows, FIRST_OPERATOR, type OperatorRole } from "../../operator/operator.domain.ts";
import { clientWith, type Keys } from "./clients.ts";
import type { ApiRequest, ClientCredentials, KeyShown } from "./head.ts";
import { beyondKey, forDefaultAlone, ofDefault } from "./keys.ts";
import type { FailedLogins } from "./logins.ts";
import type { Oidc, OidcToken } from "./oidc.ts";
import { refuseOtherSites, type Session, type SessionOf, type Sessions } from "./sessions.ts";

/** The same value as in oidc.ts. It is not imported, because oidc.ts is loaded only if there is an issuer. */
const CLOCK_MS = 30_000;
const basic = { "WWW-Authenticate": 'Basic realm="dataflow", charset="UTF-8"' };
/** No browser knows this scheme. With `Basic` a browser asks for a password itself, before the page shows its login. */
export const wrongLogin = { "WWW-Authenticate": 'Session realm="dataflow"' };
const bearer = { "WWW-Authenticate": 'Bearer realm="dataflow"' };

/** The credentials of `Authorization: Basic` (RFC 7617). Null if the header has none. */
function basicCredentials(header = ""): { identifier: string; secret: string } | null {
  const [, encoded] = /^Basic +([A-Za-z0-9+/=_-]+) *$/i.exec(header) ?? [];
  if (!encoded) return null;
  const text = Buffer.from(encoded, "base64").toString();
  const colon = text.indexOf(":");
  return colon === -1 ? null : { identifier: text.slice(0, colon), secret: text.slice(colon + 1) };
}

const sha256 = (text: string) => hash("sha256", text, "hex");
/** Compares hashes of the texts, so the time of the comparison tells nothing of the texts. */
const isSame = (a: string, b: string) => timingSafeEqual(Buffer.from(sha256(a)), Buffer.from(sha256(b)));

/** The members of the api service that authentication needs. */
interface Desk extends Keys {
  adminToken: string;
  failedLogins: FailedLogins;
  sessions: Sessions;
}

/** Refuses a request while the node stops. Throws unavailable. */
export function refuseIfStopping({ isStopping }: { isStopping: boolean }): void {
  if (isStopping) throw new Problem("unavailable", "This node is stopping.", { headers: { "Retry-After": "1" } });
}

/** The client of a request, and the credentials that the request showed. */
export interface AdmittedClient {
  client: Recognised;
  credentials: ClientCredentials;
  /** The session of the request. Null if the login came with `Authorization`. */
  session: Session | null;
}

/** Finds a request's client. Throws unauthenticated, too-many-failed-logins, client-disabled, cross-site. */
export async function authenticatedClient(req: ApiRequest, res: ServerResponse, desk: Desk): Promise<AdmittedClient> {
  const { failedLogins, sessions } = desk;
  const address = () => failedLogins.sourceOf(req);
  const beganAt = performance.now();
  const given = basicCredentials(req.headers.authorization);
  const session = req.headers.authorization === undefined ? sessions.of(req, res) : null;
  const of = session?.of;
  if (!given && session && of?.kind === "partner") {
    refuseOtherSites(req);
    const client = await clientWith(desk, req.$ctx, of, address);
    if (!client) throw sessionOver();
    return { client: enabled(client), credentials: credentialsIn(of, client, address), session };
  }
  const token = desk.oidc?.settings.clientClaim ? bearerIn(req) : undefined;
  if (token !== undefined) return clientByToken(req, desk as Desk & { oidc: Oidc }, token, beganAt);
  // A request without credentials guesses no secret, so it does not count as a failed login.
  if (!given)
    throw isByPage(req)
      ? sessionOver()
      : new Problem("unauthenticated", "Credentials are missing.", { headers: basic });
  const credentials = { identifier: given.identifier, secretHash: sha256(given.secret) };
  const client = await clientWith(desk, req.$ctx, credentials, address);
  if (!client) return failedLogins.refuse(req, basic, beganAt);
  return { client: enabled(client), credentials: credentialsIn(credentials, client, address), session: null };
}

/** Finds a token's client. Throws unauthenticated, too-many-failed-logins, forbidden, client-disabled, unavailable. */
async function clientByToken(
  req: ApiRequest,
  desk: Desk & { oidc: Oidc },
  text: string,
  beganAt: number,
): Promise<AdmittedClient> {
  const token = await desk.oidc.tokenIn(text);
  if (!token) return desk.failedLogins.refuse(req, basic, beganAt);
  const credentials = tokenCredentials(token);
  const client = credentials && (await clientWith(desk, req.$ctx, credentials, () => ""));
  if (!client) throw desk.oidc.noClient();
  return { client: enabled(client), credentials, session: null };
}

/** The client that a token names. Null if the token names no client. */
function tokenCredentials({ issuer, client, until }: OidcToken): ClientCredentials | null {
  // A token is accepted for CLOCK_MS after its end, because the issuer's clock differs from ours.
  return client === null ? null : { identifier: client, issuer, until: until + CLOCK_MS };
}

const credentialsIn = (shown: ClientCredentials, { key }: Recognised, addressOf: () => string): ClientCredentials => {
  if ("until" in shown) return { identifier: shown.identifier, issuer: shown.issuer, until: shown.until };
  const { identifier, secretHash }: KeyShown = shown;
  return { identifier, secretHash, ...(key?.allowedCidrs && { address: addressOf() }) };
};

/** Refuses a call that the client's key may not make, and notes the refusal for the audit. Throws forbidden. */
export function admitKey(
  { refusedKeys, failedLogins }: Desk,
  req: ApiRequest,
  { client, credentials }: AdmittedClient,
  { method, path }: { method: string; path: string },
): void {
  const { key } = client;
  const route = `${method} /${path}`;
  if ("until" in credentials && forDefaultAlone(route)) throw ofDefault();
  const refusal = beyondKey(key, route);
  if (!key || !refusal) return;
  refusedKeys.note({ ...client, key }, "scope", failedLogins.sourceOf(req));
  throw refusal;
}

export const sessionOver = () =>
  new Problem("unauthenticated", "There is no session, or it is over. Log in.", { headers: wrongLogin });

/**
 * Whether a page of this host sends the request. Requests of programs, and of people who type an address, are not by a
 * page.
 */
const isByPage = ({ headers }: ApiRequest) => headers["sec-fetch-site"] === "same-origin";

function enabled<C extends Client>(client: C): C {
  if (client.status === "disabled") throw disabled();
  return client;
}

const disabled = () => new Problem("client-disabled", "This client is disabled.");

/** Answers why credentials that were valid are no longer valid, or null if they still are. Throws unavailable. */
export async function refusalNow(
  keys: Keys,
  broker: ServiceBroker,
  credentials: ClientCredentials,
): Promise<Problem | null> {
  const address = () => ("until" in credentials ? "" : (credentials.address ?? ""));
  const client = await clientWith(keys, broker, credentials, address);
  const what = "until" in credentials ? "token" : "secret";
  if (!client) return new Problem("unauthenticated", `The ${what} is no longer valid.`, { headers: basic });
  return client.status === "disabled" ? disabled() : null;
}

/** The operator who makes a request. */
export interface OperatorIdentity {
  name: string;
  role: OperatorRole;
  /** When the operator's token ends (epoch ms). Null or omitted if it never ends, or if the session keeps that time. */
  expiresAt?: number | null;
}

/** The operator of a request, and the session. The session is null if the login came with `Authorization`. */
export interface AdmittedOperator {
  operator: OperatorIdentity;
  session: Session | null;
}

/** Finds a request's operator. Throws unauthenticated, too-many-failed-logins, forbidden, cross-site, unavailable. */
export async function authenticatedOperator(
  req: ApiRequest,
  res: ServerResponse,
  desk: Desk,
): Promise<AdmittedOperator> {
  const beganAt = performance.now();
  const { authorization } = req.headers;
  const session = authorization === undefined ? desk.sessions.of(req, res) : null;
  if (session && session.of.kind !== "partner") {
    refuseOtherSites(req);
    const operator = await operatorOf(req.$ctx, session.of, desk);
    if (!operator) throw sessionOver();
    return { operator, session };
  }
  const token = bearerIn(req);
  if (!token) throw new Problem("unauthenticated", "The operators' token is missing.", { headers: bearer });
  const operator = await operatorWith(req.$ctx, token, desk.adminToken);
  if (operator) return { operator: operator.identity, session: null };
  const found = await desk.oidc?.tokenIn(token);
  if (found && desk.oidc) return { operator: operatorIn(found, desk.oidc), session: null };
  return desk.failedLogins.refuse(req, bearer, beganAt);
}

/** The operator of a session. Null if the operator's token has changed or expired, or the operator is deleted. */
export async function operatorOf(
  ctx: Caller,
  of: Exclude<SessionOf, { kind: "partner" }>,
  { oidc }: Pick<Desk, "oidc">,
): Promise<OperatorIdentity | null> {
  if (of.kind === "first") return { name: FIRST_OPERATOR, role: "admin" };
  if (of.kind === "token") return oidc?.namesOperators(of.issuer) ? { name: of.name, role: of.role } : null;
  return actors.operator.recognise(ctx, { tag: of.tag, tokenHash: of.tokenHash });
}

/** The operator that a token of the company's own issuer names. Throws forbidden if the token gives no role. */
export function operatorIn({ name, role }: OidcToken, oidc: Oidc): OperatorIdentity {
  if (role === null) throw oidc.noRole();
  return { name, role };
}

export const bearerIn = ({ headers }: ApiRequest): string | undefined =>
  /^Bearer +(\S+) *$/i.exec(headers.authorization ?? "")?.[1];

/** The operator with this token. Null if no operator has the token. */
export async function operatorWith(
  ctx: Caller,
  token: string,
  adminToken: string,
): Promise<{ identity: OperatorIdentity; of: SessionOf } | null> {
  if (isSame(token, adminToken)) return { identity: { name: FIRST_OPERATOR, role: "admin" }, of: { kind: "first" } };
  const found = await actors.operator.authenticate(ctx, { token });
  return found && { identity: found.operator, of: { kind: "operator", ...found.parts } };
}

/** Calls that operators of every role may make although they are no reads, because they change nothing. */
const looks = ["POST /datasets/check", "POST /datasets/:name/try", "POST /policy/check"];
/** Only admins may make changes below these paths. Other changes, such as moves of batches, are also for operators. */
const forAdmins = ["/clients", "/datasets", "/operators", "/erasures", "/alerts"];

/** Calls for operators although they are below `/clients`, because they change nothing of the client. */
const forOperators = ["POST /clients/:id/webhook/test"];

const isUnder = (path: string) => (group: string) => path === group || path.startsWith(`${group}/`);

/** The least role that may make a call. `route` has the form `POST /batches/:id/approve`, without `/admin`. */
export function leastRoleFor(route: string): OperatorRole {
  const [method = "", path = ""] = route.split(" ");
  if (method === "GET" || looks.includes(route)) return "viewer";
  return forAdmins.some(isUnder(path)) && !forOperators.includes(route) ? "admin" : "operator";
}

/** The refusal of a call that the role does not allow. Null if the role allows the call. */
export function beyondRole(role: OperatorRole, route: string): Problem | null {
  const least = leastRoleFor(route);
  return allows(role, least) ? null : new Problem("forbidden", `This is for the role ${least}; yours is ${role}.`);
}
