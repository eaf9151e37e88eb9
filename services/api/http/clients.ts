/** Finds the client that logs in, by any of its keys. */
import type { Context, ServiceBroker } from "moleculer";
import { actors } from "../../actors.ts";
import type { ClientKey, Recognised } from "../../clientCache/clientCache.contract.ts";
import type { ClientCredentials } from "./head.ts";
import { keyFault, type RefusedKeys } from "./keys.ts";
import type { Oidc } from "./oidc.ts";

/** The members of the api service that the check of a client's credentials needs. */
export interface Keys {
  refusedKeys: RefusedKeys;
  oidc: Oidc | null;
}

const hasKey = (found: Recognised): found is Recognised & { key: ClientKey } => found.key !== undefined;

/**
 * The client with these credentials, also if the client is disabled. Null if the credentials are wrong, or if their key
 * has expired or is not for this address; the audit then tells why. `addressOf` is called only for a key other than
 * `default`.
 */
export async function clientWith(
  { refusedKeys, oidc }: Keys,
  caller: Context | ServiceBroker,
  credentials: ClientCredentials,
  addressOf: () => string,
): Promise<Recognised | null> {
  const { identifier } = credentials;
  if ("until" in credentials) {
    const isGood = oidc?.namesClients(credentials.issuer) && credentials.until > Date.now();
    return isGood ? actors.clientCache.get(caller, { identifier }) : null;
  }
  const { secretHash } = credentials;
  const found = await actors.clientCache.recognise(caller, { identifier, secretHash });
  if (!found || !hasKey(found)) return found;
  const address = addressOf();
  const fault = keyFault(found.key, address, Date.now());
  if (fault) refusedKeys.note(found, fault, address);
  return fault ? null : found;
}
