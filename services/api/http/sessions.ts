/**
 * Sessions of the console: a cookie that holds who logged in, encrypted under a key from ADMIN_TOKEN. No node stores a
 * session, so a session is valid on every api node. Each request asks whether the login still holds.
 */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { TLSSocket } from "node:tls";
import { Problem } from "../../../lib/errors.ts";
import type { OperatorRole } from "../../operator/operator.domain.ts";
import type { ClientCredentials } from "./head.ts";
import { Seal } from "./sealed.ts";

/**
 * Who logged in. The hashes are of the token or the secret: if the token or the secret is changed, the session ends.
 */
export type SessionOf =
  /** The operator of ADMIN_TOKEN. Another ADMIN_TOKEN makes another key, which ends this session. */
  | { kind: "first" }
  | { kind: "operator"; tag: string; tokenHash: string }
  | ({ kind: "partner" } & ClientCredentials)
  /** An operator by a token of the company's own issuer. `until`: when the token ends (epoch ms). */
  | { kind: "token"; issuer: string; name: string; role: OperatorRole; until: number };

export interface Session {
  /** The id of the session. Omitted if a node of the previous version has made the session. */
  id?: string;
  of: SessionOf;
  /** Epoch ms by the clock of the node that made the session. */
  beganAt: number;
  usedAt: number;
}

const COOKIE = "dataflow_session";
const CONTEXT = "session";
const LONGEST_MS = 12 * 3_600_000;
const LONGEST_IDLE_MS = 2 * 3_600_000;
/** A cookie is sent anew only if its last use is older than this time, not with each answer. */
const RENEW_AFTER_MS = 5 * 60_000;
/** The most characters of a cookie. No session has as many. */
const LONGEST_COOKIE = 2_000;

/** When the session ends if nobody uses it any more. */
export const endOf = ({ of, beganAt, usedAt }: Session): number =>
  Math.min(beganAt + LONGEST_MS, usedAt + LONGEST_IDLE_MS, "until" in of ? of.until : Number.POSITIVE_INFINITY);

export class Sessions {
  private readonly sealed: Seal;

  private readonly hasPartners: boolean;

  /** If `hasPartners` is false, sessions of partners that began before are over. */
  constructor(adminToken: string, hasPartners = true) {
    this.sealed = new Seal(adminToken, "dataflow session 1");
    this.hasPartners = hasPartners;
  }

  /** Begins a session. The answer sets its cookie. */
  begin(req: IncomingMessage, res: ServerResponse, of: SessionOf): Session {
    const now = Date.now();
    const session = { id: randomUUID(), of, beganAt: now, usedAt: now };
    this.send(req, res, session);
    return session;
  }

  /**
   * The session of the request. Null if the request has no session, or one that is over. The answer renews the cookie
   * now and then.
   */
  of(req: IncomingMessage, res: ServerResponse): Session | null {
    const session = this.opened(cookieOf(req));
    const now = Date.now();
    if (!session || endOf(session) <= now || (session.of.kind === "partner" && !this.hasPartners)) return null;
    if (now - session.usedAt < RENEW_AFTER_MS) return session;
    const renewed = { ...session, usedAt: now };
    this.send(req, res, renewed);
    return renewed;
  }

  /** Ends the session: the answer deletes the cookie. */
  end(req: IncomingMessage, res: ServerResponse): void {
    setCookie(req, res, "", 0);
  }

  private send(req: IncomingMessage, res: ServerResponse, session: Session): void {
    const text = this.sealed.close(Buffer.from(JSON.stringify(session)), CONTEXT);
    setCookie(req, res, text, Math.floor((endOf(session) - Date.now()) / 1000));
  }

  private opened(cookie: string | null): Session | null {
    const plain = cookie && cookie.length <= LONGEST_COOKIE ? this.sealed.open(cookie, CONTEXT) : null;
    return plain && (JSON.parse(plain.toString()) as Session);
  }
}

function cookieOf({ headers }: IncomingMessage): string | null {
  for (const pair of (headers.cookie ?? "").split(";")) {
    const [name, value] = pair.trim().split("=");
    if (name === COOKIE && value) return value;
  }
  return null;
}

export const hasCookie = (req: IncomingMessage): boolean => cookieOf(req) !== null;

function setCookie(req: IncomingMessage, res: ServerResponse, value: string, seconds: number): void {
  const secure = isByTls(req) ? "; Secure" : "";
  res.setHeader("Set-Cookie", `${COOKIE}=${value}; HttpOnly; SameSite=Strict; Path=/; Max-Age=${seconds}${secure}`);
}

/**
 * Whether the request came by TLS. Anybody may send `X-Forwarded-Proto`, but it can only make the cookie stricter. With
 * several proxies the header is a list.
 */
const isByTls = ({ socket, headers }: IncomingMessage): boolean =>
  (socket as Partial<TLSSocket>).encrypted === true || /\bhttps\b/i.test(String(headers["x-forwarded-proto"]));

const READS = ["GET", "HEAD"];

/**
 * Refuses changes by pages of other sites. Such a page can make a browser send the cookie, so with the cookie only
 * pages of this host may change anything. Browsers say where a request comes from; older ones without `Sec-Fetch-Site`
 * send `Origin`. Throws cross-site.
 */
export function refuseOtherSites({ method = "GET", headers }: IncomingMessage): void {
  if (READS.includes(method)) return;
  const site = headers["sec-fetch-site"];
  if (site === undefined ? hostOf(headers.origin) === headers.host : site === "same-origin") return;
  const found = site === undefined ? `Origin ${headers.origin ?? "missing"}` : `Sec-Fetch-Site ${String(site)}`;
  throw new Problem(
    "cross-site",
    `A change with a session must come from a page of this host, found ${found}. Send the Origin of this host, or Authorization instead of the session.`,
  );
}

const hostOf = (origin = ""): string | null => (URL.canParse(origin) ? new URL(origin).host : null);
