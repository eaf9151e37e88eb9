/** The rate limit, and its headers as draft-ietf-httpapi-ratelimit-headers-10 defines them. */

import type { ServerResponse } from "node:http";
import { Problem } from "../../../lib/errors.ts";
import { actors } from "../../actors.ts";
import type { Policy } from "../../policy/policy.contract.ts";
import { tallyOf } from "../../tally.ts";
import type { ApiRequest } from "./head.ts";

/**
 * The requests by which a person with a session may read. They are counted apart, so that looking at batches takes
 * nothing from the client's programs.
 */
const SESSION_READS = { requests: 240, windowSeconds: 60 };

/** Spends one request of the caller and sets the headers of the rate limit. Throws quota-exceeded. */
export async function spendRequest(req: ApiRequest, res: ServerResponse, isSession: boolean): Promise<void> {
  const { client, policy } = req.caller as NonNullable<ApiRequest["caller"]>;
  const isRead = isSession && (req.method === "GET" || req.method === "HEAD");
  const { requests: limit, windowSeconds } = isRead ? SESSION_READS : policy.policy.rate;
  const clientId = isRead ? `session:${client.publicId}` : client.publicId;
  const spent = await actors.rateLimiter.consume(req.$ctx, { clientId, limit, windowSeconds });
  tallyOf(req.$ctx.broker).add(spent.allowed ? "requestsAllowed" : "requestsRefused", 1, client.id);
  res.setHeader(
    "RateLimit-Policy",
    [`"requests";q=${limit};w=${windowSeconds}`, ...dayQuotas(policy.policy)].join(", "),
  );
  res.setHeader("RateLimit", `"requests";r=${spent.remaining};t=${spent.resetSeconds}`);
  if (spent.allowed) return;
  const seconds = Math.max(spent.retryAfterSeconds, spent.resetSeconds);
  throw new Problem("quota-exceeded", `${limit} requests in ${windowSeconds} s are allowed.`, {
    "violated-policies": ["requests"],
    headers: { "Retry-After": String(seconds) },
  });
}

/**
 * The header values for the quotas of a day. They tell the sizes only, because what is left of a day is known only in
 * the commit of an upload.
 */
function* dayQuotas({ bytesPerDay, recordsPerDay }: Policy): Generator<string> {
  if (bytesPerDay !== null) yield `"bytesPerDay";q=${bytesPerDay};w=86400;qu="content-bytes"`;
  if (recordsPerDay !== null) yield `"recordsPerDay";q=${recordsPerDay};w=86400;qu="records"`;
}
