/** `/session`: logins of the console. Programs send `Authorization` instead. */
import { hash } from "node:crypto";
import { configOf } from "../../../config/config.ts";
import { isProblem, Problem, type ProblemCode } from "../../../lib/errors.ts";
import { choice, described, instant, type JsonSchema, listOf, record, text } from "../../../lib/json-schema.ts";
import { clientSubject } from "../../audits.ts";
import { type KeyScope, keyScopes, type Recognised } from "../../clientCache/clientCache.contract.ts";
import { announce } from "../../messages.ts";
import { operatorRoles } from "../../operator/operator.domain.ts";
import { noteLogin } from "../http/audit.ts";
import {
  type OperatorIdentity,
  operatorOf,
  operatorWith,
  refuseIfStopping,
  sessionOver,
  wrongLogin,
} from "../http/auth.ts";
import { clientWith } from "../http/clients.ts";
import { type Exchange, privateJson, type Reply } from "../http/exchange.ts";
import { jsonBody, noBody, objectOf, strictly } from "../http/input.ts";
import { endOf, refuseOtherSites, type Session } from "../http/sessions.ts";
import { clientSchema, clientView, time } from "./views.ts";

const ofOperator = strictly({ token: { type: "string", min: 1, max: 8_192 } });
const ofPartner = strictly({
  clientIdentifier: { type: "string", min: 1, max: 64 },
  secret: { type: "string", min: 1, max: 1_000 },
});

export const loginSchema: JsonSchema = { oneOf: [ofOperator.schema, ofPartner.schema] };

/** The schema of what `POST` and `GET /session` answer. */
export const sessionSchema: JsonSchema = record(
  {
    role: choice([...operatorRoles, "partner"]),
    name: text("Of the operator or the client."),
    client: described("Only of a partner.", clientSchema),
    scopes: described("Only of a partner: what its key is for.", listOf(choice(keyScopes))),
    expiresAt: described(
      "When the session ends if it is not used any more: no later than the token or the key that it began with.",
      instant,
    ),
  },
  ["client", "scopes"],
);

interface Who {
  role: OperatorIdentity["role"] | "partner";
  name: string;
  client?: ReturnType<typeof clientView>;
  scopes?: readonly KeyScope[];
}

/**
 * Who has logged in. `until` is when the operator's token or the client's key ends by itself (epoch ms), or null if it
 * never ends.
 */
interface Known {
  who: Who;
  until: number | null;
}

const sessionReply = ({ who, until }: Known, session: Session): Reply =>
  privateJson(200, { ...who, expiresAt: time(Math.min(endOf(session), until ?? Number.POSITIVE_INFINITY)) });

const asPartner = (client: Recognised): Known => ({
  who: {
    role: "partner",
    name: client.name,
    client: clientView(client),
    scopes: client.key?.scopes ?? keyScopes,
  },
  until: client.key?.expiresAt ?? null,
});

const asOperator = ({ role, name, expiresAt = null }: OperatorIdentity): Known => ({
  who: { role, name },
  until: expiresAt,
});

/**
 * Throws forbidden if CONSOLE_PARTNERS=false. The refusal comes before anything of the login is looked at, so the
 * answer tells nothing of the login.
 */
function refusePartners({ req }: Exchange): void {
  if (!configOf(req.$service.broker).consolePartners)
    throw new Problem(
      "forbidden",
      "Partners may not log in here (CONSOLE_PARTNERS): use the API, or ask the operator.",
    );
}

/** Begins a session. Throws unauthenticated, too-many-failed-logins, client-disabled, forbidden, cross-site. */
export async function postSession(exchange: Exchange): Promise<Reply> {
  const beganAt = performance.now();
  const { $service: api } = exchange.req;
  refuseIfStopping(api);
  refuseOtherSites(exchange.req);
  const body = objectOf(await jsonBody(exchange));
  try {
    const reply = await login(exchange, body, beganAt);
    api.logins.add("begun", 1, (reply.body as Who).role);
    return reply;
  } catch (error) {
    if (isProblem(error) && refusals.includes(error.type))
      api.logins.add("refused", 1, Object.hasOwn(body, "token") ? "operator" : "partner");
    throw error;
  }
}

/** The codes of refusals that count as a failed login. */
const refusals: readonly string[] = [
  "unauthenticated",
  "too-many-failed-logins",
  "forbidden",
  "client-disabled",
] satisfies ProblemCode[];

async function login(exchange: Exchange, body: Record<string, unknown>, beganAt: number): Promise<Reply> {
  const { req, res, ctx } = exchange;
  const { $service: api } = req;
  if (Object.hasOwn(body, "token")) {
    const { token } = ofOperator(body);
    const found = await operatorWith(ctx, token, api.adminToken);
    if (!found) return sessionByIssuer(exchange, token, beganAt);
    const { name, role } = found.identity;
    await noteLogin(api, req, { who: name, role });
    return sessionReply(asOperator(found.identity), api.sessions.begin(req, res, found.of));
  }
  const { clientIdentifier: identifier, secret } = ofPartner(body);
  refusePartners(exchange);
  const secretHash = hash("sha256", secret, "hex");
  const client = await clientWith(api, ctx, { identifier, secretHash }, () => api.failedLogins.sourceOf(req));
  if (!client) return api.failedLogins.refuse(req, wrongLogin, beganAt);
  if (client.status === "disabled") throw new Problem("client-disabled", "This client is disabled.");
  api.keyUses.note(client.id, client.key);
  await noteLogin(api, req, { who: identifier, role: "partner" });
  return sessionReply(asPartner(client), api.sessions.begin(req, res, { kind: "partner", identifier, secretHash }));
}

/**
 * Begins a session by a token of the company's own issuer. The session ends no later than the token. Throws what
 * `postSession` throws, and forbidden, unavailable.
 */
async function sessionByIssuer(exchange: Exchange, text: string, beganAt: number): Promise<Reply> {
  const { req, res, ctx } = exchange;
  const { $service: api } = req;
  const { oidc } = api;
  const token = await oidc?.tokenIn(text);
  if (!oidc || !token || token.until <= Date.now()) return api.failedLogins.refuse(req, wrongLogin, beganAt);
  const { issuer, name, role, client: identifier, until } = token;
  if (role !== null) {
    await noteLogin(api, req, { who: name, role });
    const session = api.sessions.begin(req, res, { kind: "token", issuer, name, role, until });
    return sessionReply(asOperator({ role, name }), session);
  }
  if (identifier === null) throw oidc.noRole();
  refusePartners(exchange);
  const shown = { identifier, issuer, until };
  const client = await clientWith(api, ctx, shown, () => "");
  if (!client) throw oidc.noClient();
  if (client.status === "disabled") throw new Problem("client-disabled", "This client is disabled.");
  await noteLogin(api, req, { who: name, role: "partner" }, clientSubject(client));
  return sessionReply(asPartner(client), api.sessions.begin(req, res, { kind: "partner", ...shown }));
}

/** Answers who is logged in by the session of the request. Throws unauthenticated. */
export async function getSession({ req, res, ctx }: Exchange): Promise<Reply> {
  const session = req.$service.sessions.of(req, res);
  const known = session && (await whoIs({ req, ctx }, session));
  if (!session || !known) throw sessionOver();
  return sessionReply(known, session);
}

async function whoIs({ req, ctx }: Pick<Exchange, "req" | "ctx">, { of }: Session): Promise<Known | null> {
  if (of.kind === "partner") {
    const { $service: api } = req;
    const client = await clientWith(api, ctx, of, () => api.failedLogins.sourceOf(req));
    return client?.status === "active" ? asPartner(client) : null;
  }
  const operator = await operatorOf(ctx, of, req.$service);
  return operator && asOperator(operator);
}

/**
 * Ends the session: the browser forgets the cookie, and the session's open streams end on all nodes. Without a session
 * nothing happens. Throws cross-site.
 */
export async function deleteSession(exchange: Exchange): Promise<Reply> {
  const { req, res } = exchange;
  refuseOtherSites(req);
  await noBody(exchange);
  const { sessions, broker } = req.$service;
  const id = sessions.of(req, res)?.id;
  sessions.end(req, res);
  // The end is announced even if the session is over, because its streams would notice the end only after some seconds.
  if (id !== undefined) await announce(broker, "session.ended", { id });
  return { status: 204 };
}
