/** One request and its answer, as the handlers of the api see them. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Context } from "moleculer";
import type { Client } from "../clientCache/clientCache.contract.ts";
import { Problem } from "../errors.ts";
import type { PolicyVersion } from "../policy/policy.contract.ts";
import type { Api } from "./api.gateway.ts";
import { queryOfTarget } from "./api.head.ts";

/** What moleculer-web and our own authentication leave on a request. */
export type ApiRequest = IncomingMessage & {
  $ctx: Context;
  $service: Api;
  $params: Record<string, string>;
  originalUrl: string;
  parsedUrl?: string;
  /** The client that authenticated, and its policy; on client routes only. */
  caller?: { client: Client; policy: PolicyVersion };
  /** It asked by `Expect: 100-continue` whether its body is wanted. */
  expectsContinue?: boolean;
  /** Aborted when what follows it cannot be read: its body may have been longer. Whoever has not acted yet refuses it. */
  voided?: AbortSignal;
  /** Aborted, with the refusal, when its client is disabled or its secret revoked meanwhile; on client routes only. */
  revoked?: AbortSignal;
};

export interface Exchange {
  ctx: Context;
  req: ApiRequest;
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
export function exchangeOf(req: ApiRequest, res: ServerResponse): Exchange {
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
