/** The entries that the api service itself writes to the audit: refusals, logins, and how often logins have failed. */
import type { ServiceBroker } from "moleculer";
import { configOf } from "../../../config/config.ts";
import { actors } from "../../actors.ts";
import type { Caller, Subject } from "../../audit/audit.domain.ts";
import { draftAudit, noted } from "../../audits.ts";
import { addressOf } from "./address.ts";
import type { ApiRequest } from "./head.ts";
import type { KeyUses, RefusedKeys } from "./keys.ts";
import type { FailedLogins } from "./logins.ts";

/** The members of the api service that the audit needs. */
export interface Desk {
  broker: ServiceBroker;
  failedLogins: FailedLogins;
  refusedKeys: RefusedKeys;
}

/**
 * Puts the caller's name into the context of a request. Each change that the request makes writes this name to the
 * audit.
 */
export function nameCaller(
  { broker }: Pick<Desk, "broker">,
  req: ApiRequest,
  { who, role }: Pick<Caller, "who" | "role">,
): Caller {
  const caller: Caller = { who, role, address: addressOf(req, configOf(broker).trustedProxies) };
  Object.assign(req.$ctx.meta, { caller });
  return caller;
}

const nothing = { type: null, id: null, name: null };

export async function noteLogin(
  api: Desk,
  req: ApiRequest,
  who: Pick<Caller, "who" | "role">,
  subject: Subject = nothing,
): Promise<void> {
  const caller = nameCaller(api, req, who);
  const of = { ...caller, requestId: req.$ctx.requestID };
  await noted(api.broker, draftAudit(of, { action: "session.begin", subject }));
}

/**
 * Writes how often logins have failed, and keys were refused, since the last time. The audit keeps nothing of what was
 * sent, because people type secrets into wrong fields.
 */
export async function noteFailedLogins(api: Desk): Promise<void> {
  const entries = api.failedLogins
    .taken()
    .map(([address, count]) =>
      draftAudit(
        { who: null, role: null, address, requestId: null },
        { action: "login.failed", subject: nothing, change: { count }, status: "unauthenticated" },
      ),
    );
  const all = [...entries, ...api.refusedKeys.taken()];
  await noted(api.broker, ...all);
}

/**
 * The most uses of keys that are written at once, so that no other write waits long. The others wait for the next time.
 */
const MOST_USES = 100;

/**
 * Writes when keys were used. Uses that cannot be written now are lost, because the next use of the key follows soon.
 */
export async function noteKeyUses({ broker, keyUses }: Pick<Desk, "broker"> & { keyUses: KeyUses }): Promise<void> {
  const uses = keyUses.taken(MOST_USES);
  if (uses.length === 0) return;
  await actors.clientCache
    .noteKeyUses(broker, { uses })
    .catch((error: unknown) => broker.logger.debug("Uses of keys could not be written:", error));
}
