/** Checks of a request's head that hold for every request, and the members that the product adds to a request. */
import type { IncomingMessage } from "node:http";
import { isIPv6 } from "node:net";
import type { Context } from "moleculer";
import { Problem, type ProblemCode } from "../../../lib/errors.ts";
import type { Recognised } from "../../clientCache/clientCache.contract.ts";
import type { OperatorRole } from "../../operator/operator.domain.ts";
import type { PolicyVersion } from "../../policy/policy.contract.ts";

/** The credentials of a key that a client shows. `secretHash`: SHA-256 of the key's secret, in hexadecimal digits. */
export interface KeyShown {
  identifier: string;
  secretHash: string;
  /** The address that the request comes from, if the key is for some addresses alone. */
  address?: string;
}

/** A token of the company's own issuer that names a client. */
export interface TokenShown {
  identifier: string;
  issuer: string;
  /** When the token ends (epoch ms). */
  until: number;
}

export type ClientCredentials = KeyShown | TokenShown;

/** A request, with the members that moleculer-web and the product add to it. */
export type ApiRequest = IncomingMessage & {
  $ctx: Context;
  $params: Record<string, string>;
  originalUrl: string;
  parsedUrl?: string;
  /** The route that serves the request. */
  $alias?: { fullPath: string };
  /** The client that authenticated, its policy, and how the client authenticated. Set on client routes only. */
  caller?: { client: Recognised; policy: PolicyVersion; secretHash: string | null; isSession: boolean };
  /** The operator that authenticated. Set on operators' routes only. */
  operator?: { name: string; role: OperatorRole };
  /** Whether the client waits for 100 (Continue) before it sends the body (`Expect: 100-continue`). */
  expectsContinue?: boolean;
  /**
   * Aborted when bytes after the request are not HTTP. The body may then have been longer than its length said, so a
   * handler that has not acted on the body yet refuses the request.
   */
  voided?: AbortSignal;
  /**
   * Aborted, with the refusal as reason, when the login of the request ends: its client is disabled, its secret
   * revoked, or its operator deleted.
   */
  revoked?: AbortSignal;
  /** The problem that the request was answered with. */
  problem?: Problem & { type: ProblemCode };
  /** The public id of the batch that the request made or found. If omitted, the batch is the one in the path. */
  batchId?: string;
  /** The trace that the request belongs to. Omitted if the request is not traced. */
  traceId?: string;
};

/** No call takes more than a handful of parameters. Parsing thousands would only cost time. */
const MOST_PARAMETERS = 100;

/** Checks the head of a request before every route. Throws invalid-header, unsupported-transfer-coding. */
export function headChecked(req: ApiRequest, _res: unknown, next: () => void): void {
  checkHost(req);
  checkTransferCoding(req.headers["transfer-encoding"]);
  next();
}

/** Checks `Host` (RFC 9112, 3.2). Node would refuse a missing `Host` too, but not with a problem+json answer. */
function checkHost({ httpVersion, rawHeaders }: ApiRequest): void {
  const hosts = rawHeaders.filter((_, i) => rawHeaders[i - 1]?.toLowerCase() === "host" && i % 2 === 1);
  const [host] = hosts;
  if (hosts.length > 1) throw wrongHost("Host is there more than once.");
  if (host !== undefined ? !isHost(host) : httpVersion === "1.1")
    throw wrongHost(
      host === undefined ? "Host is missing." : "Host must be a name or an address, with or without a port.",
    );
}

const wrongHost = (detail: string) => new Problem("invalid-header", detail, { header: "Host" });

/**
 * Whether the text is a valid `Host` (RFC 9110, 7.2): a name, an IPv4 address or an IPv6 address in brackets, or empty.
 */
function isHost(text: string): boolean {
  const [, address, name] =
    /^(?:\[([\da-f:.]+)\]|((?:[\w.~!$&'()*+,;=-]|%[\da-f]{2})*))(?::\d{0,5})?$/i.exec(text) ?? [];
  return address === undefined ? name !== undefined : isIPv6(address);
}

/** Accepts no `Transfer-Encoding` but `chunked` (RFC 9112, 6.1). Compression is named by `Content-Encoding` instead. */
function checkTransferCoding(header: string | undefined): void {
  if (header === undefined || header.trim().toLowerCase() === "chunked") return;
  throw new Problem("unsupported-transfer-coding", `The transfer coding "${header}" is not taken: send "chunked".`);
}

/** The query of a request's target. Throws validation. */
export function queryOfTarget(target: string): URLSearchParams {
  const start = target.indexOf("?");
  const query = start === -1 ? "" : target.slice(start + 1);
  let found = 1;
  for (let at = query.indexOf("&"); at !== -1; at = query.indexOf("&", at + 1)) found++;
  if (found > MOST_PARAMETERS)
    throw new Problem("validation", `The query has more than ${MOST_PARAMETERS} parameters.`, {
      errors: [{ pointer: "", detail: `expected at most ${MOST_PARAMETERS} parameters` }],
    });
  return new URLSearchParams(query);
}
