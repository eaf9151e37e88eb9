/** The company's own issuer of tokens, if there is one. */
import type { Config } from "../../../config/config.ts";
import type { Oidc } from "./oidc.ts";

/**
 * Makes the check of tokens. Null if there is no issuer. The package for tokens is loaded only with an issuer. `times`
 * replaces the times of oidc.issuer.ts.
 */
export async function oidcOf(
  { oidcIssuer, oidcAudience, oidcRoleClaim, oidcClientClaim }: Config,
  times: object,
  warn: (text: string, error: unknown) => void,
): Promise<Oidc | null> {
  if (oidcIssuer === null || oidcAudience === null) return null;
  const { issuerTimes, Oidc } = await import("./oidc.ts");
  const claims = { roleClaim: oidcRoleClaim, clientClaim: oidcClientClaim };
  return new Oidc({ issuer: oidcIssuer, audience: oidcAudience, ...claims }, { ...issuerTimes, ...times }, warn);
}
