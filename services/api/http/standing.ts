/**
 * Whether the login of a request still holds: the login of a client or an operator, by Authorization or by a session.
 */
import { hash } from "node:crypto";
import type { ServiceBroker } from "moleculer";
import { Problem } from "../../../lib/errors.ts";
import type { Admitted } from "./admissions.ts";
import {
  type AdmittedClient,
  bearerIn,
  type OperatorIdentity,
  operatorIn,
  operatorOf,
  operatorWith,
  refusalNow,
  sessionOver,
} from "./auth.ts";
import type { ApiState } from "./gateway.ts";
import type { ApiRequest, ClientCredentials } from "./head.ts";
import { endOf, type Session } from "./sessions.ts";

type Desk = Pick<ApiState, "adminToken" | "oidc" | "refusedKeys" | "keyUses"> & { broker: ServiceBroker };

/** The name of a client under which its running requests are kept. */
export const clientOwner = (id: number): string => `client ${id}`;

/**
 * A login with a session also ends when the session ends. The session's id is missing if a node of the previous version
 * has made the session.
 */
const within = (session: Session | null, look: Admitted["look"]): Pick<Admitted, "look" | "session"> => ({
  look: async () => (session && endOf(session) <= Date.now() ? sessionOver() : look()),
  session: session?.id,
});

/**
 * The key under which credentials are checked once. Sessions of the same login end at different times, so their keys
 * differ.
 */
const keyed = (login: string, session: Session | null): string => `${login}:${session ? `${endOf(session)}` : ""}`;

export const standingOfClient = (desk: Desk, { credentials, session }: AdmittedClient): Admitted => ({
  key: keyed(keyOf(credentials), session),
  ...within(session, () => refusalNow(desk, desk.broker, credentials)),
});

function keyOf(credentials: ClientCredentials): string {
  const { identifier } = credentials;
  if ("until" in credentials) return `${credentials.until}:${identifier}`;
  return `${credentials.secretHash}:${identifier}:${credentials.address ?? ""}`;
}

/**
 * Whether an operator's login still holds. A change of the role ends the login too, so that a page reads anew what it
 * may do.
 */
export function standingOfOperator(
  desk: Desk,
  req: ApiRequest,
  { role }: OperatorIdentity,
  session: Session | null,
): Admitted {
  const token = bearerIn(req) ?? "";
  const shown = session ? JSON.stringify(session.of) : hash("sha256", token, "hex");
  const found = async (): Promise<OperatorIdentity | null> => {
    if (session && session.of.kind !== "partner") return operatorOf(desk.broker, session.of, desk);
    const own = await operatorWith(desk.broker, token, desk.adminToken);
    if (own) return own.identity;
    const by = await desk.oidc?.tokenIn(token);
    return by && desk.oidc ? operatorIn(by, desk.oidc) : null;
  };
  const look = async () => {
    try {
      if ((await found())?.role === role) return null;
    } catch (error) {
      // While the login cannot be checked, the request goes on.
      if (!(error instanceof Problem) || error.type === "unavailable") throw error;
    }
    return session ? sessionOver() : tokenOver();
  };
  return { key: keyed(`${role}:${shown}`, session), ...within(session, look) };
}

const tokenOver = () => new Problem("unauthenticated", "The operators' token is no longer valid.");
