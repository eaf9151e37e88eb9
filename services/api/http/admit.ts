/** Admits a request whose client is known: checks its key, reads its policy, and counts the request. */
import type { ServerResponse } from "node:http";
import type { ServiceBroker } from "moleculer";
import { actors } from "../../actors.ts";
import { admitKey, authenticatedClient, refuseIfStopping } from "./auth.ts";
import type { AliasOfGateway, ApiState } from "./gateway.ts";
import type { ApiRequest } from "./head.ts";
import { spendRequest } from "./rate.ts";
import { clientOwner, standingOfClient } from "./standing.ts";

/** The members of the api service that admission needs. */
type Desk = Pick<
  ApiState,
  | "adminToken"
  | "failedLogins"
  | "refusedKeys"
  | "keyUses"
  | "sessions"
  | "oidc"
  | "admissions"
  | "connections"
  | "isStopping"
> & { broker: ServiceBroker };

/**
 * Puts the client and its policy into the request, and counts the request. Throws the problem that refuses the request.
 */
export async function admitClient(
  api: Desk,
  req: ApiRequest,
  res: ServerResponse,
  alias: AliasOfGateway,
): Promise<void> {
  refuseIfStopping(api);
  const admitted = await authenticatedClient(req, res, api);
  const { client, credentials, session } = admitted;
  admitKey(api, req, admitted, alias);
  if (!("until" in credentials)) api.keyUses.note(client.id, client.key);
  api.admissions.enter(clientOwner(client.id), standingOfClient(api, admitted), req, res);
  api.connections.know(req.socket, true);
  const policy = await actors.policy.get(req.$ctx, { clientId: client.id });
  req.caller = {
    client,
    policy,
    secretHash: "secretHash" in credentials ? credentials.secretHash : null,
    isSession: session !== null,
  };
  await spendRequest(req, res, session !== null);
}
