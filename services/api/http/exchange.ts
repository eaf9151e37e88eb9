/** One request and its answer, as the handlers of the api see them. */
import type { ServerResponse } from "node:http";
import type { Context } from "moleculer";
import { Problem } from "../../../lib/errors.ts";
import type { Api } from "./gateway.ts";
import { queryOfTarget } from "./head.ts";
import type { ApiRequest } from "./request.ts";

/** A request that has a handler: it also knows the node's door. */
export type HandledRequest = ApiRequest & { $service: Api };

export interface Exchange {
  ctx: Context;
  req: HandledRequest;
  res: ServerResponse;
  /** The parameters in the path. */
  path: Record<string, string>;
  query: URLSearchParams;
}

export interface Reply {
  status: number;
  headers?: Record<string, string>;
  /** Sent as JSON; undefined: there is none. */
  body?: unknown;
}

/** Answers a request; undefined: it has sent its answer itself. */
export type Handle = (exchange: Exchange) => Promise<Reply | undefined>;

/** The caller of a client route. */
export function callerOf({ req }: Exchange): NonNullable<ApiRequest["caller"]> {
  if (!req.caller) throw new Problem("unauthenticated", "Credentials are missing.");
  return req.caller;
}

/** Throws validation. */
export function exchangeOf(req: HandledRequest, res: ServerResponse): Exchange {
  return { ctx: req.$ctx, req, res, path: req.$params, query: queryOfTarget(req.originalUrl) };
}

export const json = (status: number, body: unknown, headers: Record<string, string> = {}): Reply => ({
  status,
  body,
  headers,
});

export function sendJson(res: ServerResponse, { status, headers = {}, body }: Reply): void {
  if (body === undefined) return void res.writeHead(status, headers).end();
  const text = JSON.stringify(body);
  res.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(text),
    ...headers,
  });
  res.end(text);
}

/** The body is wanted: says so to a client that waits for it. */
export function wantBody({ req, res }: Exchange): void {
  if (req.expectsContinue) res.writeContinue();
}

/** The same, but not before somebody reads it: who refuses it unread spares the client from sending it. */
export function wantBodyWhenRead({ req, res }: Exchange): void {
  if (!req.expectsContinue) return;
  const look = (event: string) => {
    if (event !== "readable" && event !== "data") return;
    req.off("newListener", look);
    if (!res.headersSent) res.writeContinue();
  };
  req.on("newListener", look);
}
