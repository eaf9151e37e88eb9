/** Every refusal as problem+json (RFC 9457), also for a client that is still sending. */
import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { Errors } from "moleculer";
import {
  isProblem,
  Problem,
  type ProblemCode,
  type ProblemExtra,
  problems,
  problemTells,
} from "../../../lib/errors.ts";
import { Fields } from "../../../lib/log/fields.ts";
import { http } from "../../../lib/net/http.ts";
import { uuidv7 } from "../../ids.ts";
import { batchIdOf } from "./access.ts";
import type { ApiRequest } from "./head.ts";

/** How long a client that was refused in the middle of its body may go on sending before its connection is cut. */
const LINGER_MS = 5_000;

const QUOTA_TYPE = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/** The part of the api service that answering an error needs. */
export interface Answering {
  isStopping: boolean;
  logger: { error(...args: unknown[]): void };
}

/** Answers a failed request. Logs an unexpected error, and says nothing to a client that has hung up. */
export function answerError(api: Answering, req: ApiRequest, res: ServerResponse, error: Error): void {
  if ((error as NodeJS.ErrnoException).code === "ECONNRESET") return;
  const problem = problemOf(error);
  if (problem.type === "internal") {
    const requestId = req.$ctx?.requestID ?? undefined;
    api.logger.error(
      "Request failed:",
      error,
      new Fields({ requestId, batchId: batchIdOf(req, req.$alias?.fullPath ?? null) }),
    );
  }
  if (req.socket.destroyed) return;
  if (api.isStopping) res.shouldKeepAlive = false;
  sendProblem(req, res, problem);
}

/** The problem that a user sees for an error. For an unexpected error the problem says nothing about the cause. */
export function problemOf(error: unknown): Problem & { type: ProblemCode } {
  if (isProblem(error)) return error;
  return asProblem(error) as Problem & { type: ProblemCode };
}

function asProblem(error: unknown): Problem {
  if (error instanceof Errors.ValidationError) return new Problem("validation", "A field is wrong.", faultsOf(error));
  if (isAway(error))
    return new Problem("unavailable", "The service is not ready.", { headers: { "Retry-After": "5" } });
  const { code } = error as { code?: unknown };
  // moleculer-web throws this error for a path that cannot be decoded.
  if (error instanceof Errors.MoleculerError && code === 400)
    return new Problem("not-found", "There is nothing at this path.");
  return new Problem("internal", "Something went wrong; the request id leads to it in the logs.");
}

const isAway = (error: unknown) =>
  error instanceof Errors.ServiceNotFoundError ||
  error instanceof Errors.ServiceNotAvailableError ||
  error instanceof Errors.RequestTimeoutError;

function faultsOf(error: Errors.ValidationError): ProblemExtra {
  const faults = (error.data ?? []) as { field?: string; message?: string }[];
  return {
    errors: faults.map(({ field = "", message = "" }) => ({
      pointer: field && `/${field.replaceAll(".", "/")}`,
      detail: message,
    })),
  };
}

/** The address of an error code in the guide that this node serves. */
export const problemDoc = (code: ProblemCode): string => `/docs/guide/errors#${code}`;

/** The `type` of a problem (RFC 9457). */
export const problemUri = (code: ProblemCode): string =>
  code === "quota-exceeded" ? QUOTA_TYPE : `urn:dataflow:problem:${code}`;

function bodyOf({ type, message, data }: Problem & { type: ProblemCode }): string {
  const { headers, ...members } = (data ?? {}) as ProblemExtra;
  const { title, status } = problems[type];
  return JSON.stringify({
    type: problemUri(type),
    title,
    status,
    detail: message,
    code: type,
    doc: problemDoc(type),
    ...members,
  });
}

/** Headers that every problem with this code has, unless the thrown problem brings its own. */
const promised = (code: ProblemCode): Record<string, string> =>
  problemTells[code]?.headers?.includes("Retry-After") ? { "Retry-After": "1" } : {};

/** Answers with a problem. If an answer has already begun, it is cut off instead. */
export function sendProblem(req: ApiRequest, res: ServerResponse, problem: Problem & { type: ProblemCode }): void {
  req.problem = problem;
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const body = bodyOf(problem);
  const { headers = {} } = (problem.data ?? {}) as ProblemExtra;
  // Nothing more is read from a connection that sent garbage.
  const isBroken = req.voided?.aborted === true;
  const isSending = !req.complete;
  res.writeHead(problems[problem.type].status, {
    "content-type": "application/problem+json",
    "content-length": Buffer.byteLength(body),
    ...promised(problem.type),
    ...headers,
    ...(isSending || isBroken ? { connection: "close" } : {}),
  });
  if (isBroken) {
    res.write(body);
    hangUp(req.socket);
  } else if (isSending) linger(req, res, body);
  else res.end(body);
}

/**
 * Answers a client that is still sending. If the connection closed at once, the system would reset it, and many clients
 * would never see the answer. So the node writes the answer, reads and drops the rest of the body for a while, and then
 * closes.
 */
function linger(req: ApiRequest, res: ServerResponse, body: string): void {
  res.write(body);
  req.on("error", () => {});
  // A reader of the body may have left its `readable` listener. With that listener, `resume` alone reads nothing.
  req.removeAllListeners("readable");
  req.on("data", () => {}).resume();
  const end = () => {
    clearTimeout(timer);
    if (!res.writableEnded) res.end();
  };
  const timer = setTimeout(() => {
    end();
    req.socket?.destroy();
  }, LINGER_MS);
  req.once("end", end);
  req.once("close", end);
  // Once the answer is written, a client that hangs up is no longer reported by the request, only by the socket.
  req.socket.once("end", end);
}

/** A problem for bytes that could not be read as a request. */
export type ReadProblem = Problem & { type: ProblemCode };

/** The parser's error code if the parser was stopped because too many requests wait. */
const TOO_MANY_WAIT = "HPE_CB_HEADERS_COMPLETE";

const tooManyWait = () =>
  new Problem("unavailable", "Too many requests were sent here without waiting for answers. Send this one again.", {
    headers: { "Retry-After": "1" },
  }) as ReadProblem;

/** The problem for bytes that Node could not read as HTTP, by Node's error code. Null if the connection is gone. */
export function unreadable({ code = "" }: NodeJS.ErrnoException): { problem: ReadProblem; isGarbage: boolean } | null {
  if (code === "HPE_HEADER_OVERFLOW") return garbage("invalid-header", "The header fields are too large.");
  if (code === TOO_MANY_WAIT) return { problem: tooManyWait(), isGarbage: false };
  if (code.startsWith("HPE_")) return garbage("malformed-body", "The bytes are not a valid HTTP/1.1 request.");
  if (code !== "ERR_HTTP_REQUEST_TIMEOUT") return null;
  const problem = new Problem("upload-timeout", "The request did not come in time.") as ReadProblem;
  return { problem, isGarbage: false };
}

const garbage = (type: ProblemCode, detail: string) => ({
  problem: new Problem(type, detail) as ReadProblem,
  isGarbage: true,
});

/** The answer to CONNECT, which asks for a proxy. Node itself would close the connection without an answer. */
export const noProxy = () =>
  new Problem("method-not-allowed", "This server is not a proxy: it does not take CONNECT.", {
    headers: { Allow: "GET, HEAD, POST, PUT, PATCH" },
  }) as ReadProblem;

/**
 * Writes an answer to the socket itself, because there is no request to answer. Returns the request id of the answer,
 * or null if nobody can read the answer.
 */
export function answerOnSocket(problem: ReadProblem, socket: Duplex): string | null {
  if (!socket.writable) return null;
  const requestId = uuidv7();
  const body = bodyOf(problem);
  const { status } = problems[problem.type];
  const { headers = {} } = (problem.data ?? {}) as ProblemExtra;
  const head = [
    `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}`,
    "Content-Type: application/problem+json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`,
    "X-Content-Type-Options: nosniff",
    "Connection: close",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n${body}`);
  hangUp(socket);
  return requestId;
}

/** Ends this node's side of a connection after the last answer, and gives the client some time to end its own side. */
function hangUp(socket: Duplex): void {
  // A client may hang up while the node waits. That is no error.
  socket.on("error", () => {}).resume();
  socket.end();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once("close", () => clearTimeout(timer));
}
