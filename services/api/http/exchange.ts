/** One request and its answer, as the handlers of the api see them. */
import type { ServerResponse } from "node:http";
import type { Context } from "moleculer";
import { Problem } from "../../../lib/errors.ts";
import type { Api } from "./gateway.ts";
import { type ApiRequest, queryOfTarget } from "./head.ts";
import { packed } from "./packed.ts";

/** A request that has a handler. Such a request also carries the api service. */
export type HandledRequest = ApiRequest & { $service: Api };

export interface Exchange {
  ctx: Context;
  req: HandledRequest;
  res: ServerResponse;
  /** The parameters in the path of the request. */
  path: Record<string, string>;
  query: URLSearchParams;
}

export interface Reply {
  status: number;
  headers?: Record<string, string>;
  /** The body of the answer, sent as JSON. Undefined if the answer has no body. */
  body?: unknown;
}

/** Answers a request. Undefined if the handler has sent its answer itself. */
export type Handle = (exchange: Exchange) => Promise<Reply | undefined>;

/** The client that calls a client route. Throws unauthenticated. */
export function callerOf({ req }: Exchange): NonNullable<ApiRequest["caller"]> {
  if (!req.caller) throw new Problem("unauthenticated", "Credentials are missing.");
  return req.caller;
}

/** A request as its handler sees it. Throws validation if the query cannot be read. */
export function exchangeOf(req: HandledRequest, res: ServerResponse): Exchange {
  return { ctx: req.$ctx, req, res, path: req.$params, query: queryOfTarget(req.originalUrl) };
}

export const json = (status: number, body: unknown, headers: Record<string, string> = {}): Reply => ({
  status,
  body,
  headers,
});

/** An answer that no cache and no browser may keep, because it has a secret, or tells who is logged in. */
export const privateJson = (status: number, body: unknown, headers: Record<string, string> = {}): Reply =>
  json(status, body, { ...headers, "Cache-Control": "no-store" });

export function sendJson(res: ServerResponse, { status, headers = {}, body }: Reply): void {
  if (body === undefined) return void res.writeHead(status, headers).end();
  const { bytes, own } = packed(res, JSON.stringify(body), headers);
  res.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(bytes),
    ...headers,
    ...own,
  });
  res.end(bytes);
}

/** Tells a client that waits with `Expect: 100-continue` to send its body. */
export function wantBody({ req, res }: Exchange): void {
  if (req.expectsContinue) res.writeContinue();
}

/**
 * Sends 100 Continue only once the handler reads the body. If a request is refused before that, the client need not
 * send the body.
 */
export function wantBodyWhenRead({ req, res }: Exchange): void {
  if (!req.expectsContinue) return;
  const look = (event: string) => {
    if (event !== "readable" && event !== "data") return;
    req.off("newListener", look);
    if (!res.headersSent) res.writeContinue();
  };
  req.on("newListener", look);
}
