/** Tokens of the company's own issuer (OpenID Connect): whom a token names, and which role it gives. */
import { decodeJwt, errors, type JWTPayload, jwtVerify } from "jose";
import { storable } from "../../../database/rows.ts";
import { isProblem, Problem } from "../../../lib/errors.ts";
import { type OperatorRole, operatorRoles } from "../../operator/operator.domain.ts";
import { IssuerKeys, type IssuerTimes } from "./oidc.issuer.ts";

export { issuerTimes } from "./oidc.issuer.ts";

/**
 * The accepted algorithms, all with a public key. With a shared secret, everybody who checks a token could also make
 * one.
 */
const ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];
/** The greatest difference between the issuer's clock and this node's clock that is allowed for. */
const CLOCK_SECONDS = 30;
/** The most characters of a token. Longer tokens are refused unread. */
export const LONGEST_TOKEN = 8_192;
/** The most characters of a name that the audit keeps. */
const LONGEST_NAME = 100;

export interface OidcSettings {
  issuer: string;
  audience: string;
  /** The claims that name the role and the client. Null if tokens do not name operators, or do not name clients. */
  roleClaim: string | null;
  clientClaim: string | null;
}

/** What a valid token says. */
export interface OidcToken {
  issuer: string;
  /** The name of the token's owner, for the audit. */
  name: string;
  /** The highest known role of the token. Null if the token has none. */
  role: OperatorRole | null;
  /** The identifier of the client. Null if the token names no client. */
  client: string | null;
  /** When the token ends (epoch ms). */
  until: number;
}

export class Oidc {
  readonly settings: OidcSettings;
  private readonly keys: IssuerKeys;

  constructor(settings: OidcSettings, times: IssuerTimes, warn: (text: string, error: unknown) => void) {
    this.settings = settings;
    this.keys = new IssuerKeys(settings.issuer, times, warn);
  }

  stop(): void {
    this.keys.stop();
  }

  /**
   * Checks a token. Null if the text is no valid token of this issuer for this audience, or has expired. Throws
   * unavailable.
   */
  async tokenIn(text: string): Promise<OidcToken | null> {
    if (text.length > LONGEST_TOKEN || text.split(".").length !== 3) return null;
    const { issuer, audience, roleClaim, clientClaim } = this.settings;
    try {
      // The issuer is checked before the key is looked for. So a token of another issuer is refused even while the
      // configured issuer is away.
      if (decodeJwt(text).iss !== issuer) return null;
      const { payload } = await jwtVerify(text, this.keys.keyOf, {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        requiredClaims: ["exp"],
        clockTolerance: CLOCK_SECONDS,
      });
      return {
        issuer,
        name: nameOf(payload),
        role: roleClaim === null ? null : roleIn(claimOf(payload, roleClaim)),
        client: clientClaim === null ? null : textOf(claimOf(payload, clientClaim)),
        until: (payload.exp as number) * 1000,
      };
    } catch (error) {
      if (isProblem(error) || !(error instanceof errors.JOSEError || error instanceof TypeError)) throw error;
      return null;
    }
  }

  /** Whether clients may still log in with tokens of this issuer. A restart with other settings can end that. */
  namesClients(issuer: string): boolean {
    return this.settings.issuer === issuer && this.settings.clientClaim !== null;
  }

  /** Whether operators may still log in with tokens of this issuer. */
  namesOperators(issuer: string): boolean {
    return this.settings.issuer === issuer && this.settings.roleClaim !== null;
  }

  noRole(): Problem {
    const { roleClaim } = this.settings;
    const detail =
      roleClaim === null
        ? "Tokens of the issuer are for clients here."
        : `The token's claim ${roleClaim} has none of the roles ${operatorRoles.join(", ")}.`;
    return new Problem("forbidden", detail);
  }

  noClient(): Problem {
    const { clientClaim } = this.settings;
    const detail =
      clientClaim === null
        ? "Tokens of the issuer are for operators here."
        : `The token's claim ${clientClaim} names no client.`;
    return new Problem("forbidden", detail);
  }
}

const textOf = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);

/**
 * The claim with this name. If the token has none, the dots of a name such as `realm_access.roles` lead to a claim
 * within another.
 */
function claimOf(payload: JWTPayload, name: string): unknown {
  if (Object.hasOwn(payload, name)) return payload[name];
  let value: unknown = payload;
  for (const step of name.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return value;
}

/** The highest of the roles that the claim names. The claim is one role or a list. Null if it names no known role. */
function roleIn(claim: unknown): OperatorRole | null {
  const named = Array.isArray(claim) ? claim : [claim];
  return operatorRoles.findLast((role) => named.includes(role)) ?? null;
}

/**
 * The name of the caller in the audit: `oidc:NAME/SUBJECT`. No operator that is stored here has a name that begins with
 * `oidc:`. People know the NAME, but the issuer may give it to another person one day. The SUBJECT always means the
 * same person.
 */
function nameOf({ preferred_username, email, sub }: JWTPayload): string {
  const names = [textOf(preferred_username) ?? textOf(email), textOf(sub)].filter((name) => name !== null);
  const parts = [...new Set(names)].map((name) => storable(name).slice(0, LONGEST_NAME));
  return `oidc:${parts.join("/") || "unnamed"}`;
}
