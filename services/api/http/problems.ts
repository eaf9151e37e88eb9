/** Every refusal as problem+json (RFC 9457), also to a client that is still sending. */
import { type ServerResponse, STATUS_CODES } from "node:http";
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
import { uuidv7 } from "../../ids.ts";
import type { ApiRequest } from "./request.ts";

/** How long a client that was refused in the middle of its body may go on sending before the connection is cut. */
const LINGER_MS = 5_000;

const QUOTA_TYPE = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/** The problem that a user sees for an error. For an unexpected one it only says that it happened. */
export function problemOf(error: unknown): Problem & { type: ProblemCode } {
  if (isProblem(error)) return error;
  return asProblem(error) as Problem & { type: ProblemCode };
}

function asProblem(error: unknown): Problem {
  if (error instanceof Errors.ValidationError) return new Problem("validation", "A field is wrong.", faultsOf(error));
  if (isAway(error))
    return new Problem("unavailable", "The service is not ready.", { headers: { "Retry-After": "5" } });
  const { code } = error as { code?: unknown };
  // moleculer-web's own: a path that cannot be decoded names nothing.
  if (error instanceof Errors.MoleculerError && code === 400) return new Problem("not-found", "There is nothing here.");
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

/** The `type` of RFC 9457. */
export const problemUri = (code: ProblemCode): string =>
  code === "quota-exceeded" ? QUOTA_TYPE : `urn:dataflow:problem:${code}`;

function bodyOf({ type, message, data }: Problem & { type: ProblemCode }): string {
  const { headers, ...members } = (data ?? {}) as ProblemExtra;
  const { title, status } = problems[type];
  return JSON.stringify({ type: problemUri(type), title, status, detail: message, code: type, ...members });
}

/** What its kind promises, also where whoever threw it has no better guess. */
const promised = (code: ProblemCode): Record<string, string> =>
  problemTells[code]?.headers?.includes("Retry-After") ? { "Retry-After": "1" } : {};

/** Answers with a problem. Nothing happens where an answer is already on its way: that one is cut off instead. */
export function sendProblem(req: ApiRequest, res: ServerResponse, problem: Problem & { type: ProblemCode }): void {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const body = bodyOf(problem);
  const { headers = {} } = (problem.data ?? {}) as ProblemExtra;
  // Nothing more is read from a connection with garbage on it.
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
 * Ending the answer while the client still sends would reset the connection, and many a client would never see the
 * answer. So it is written, the rest of the body is let through for a while, and then the connection is closed.
 */
function linger(req: ApiRequest, res: ServerResponse, body: string): void {
  res.write(body);
  req.on("error", () => {});
  // Whoever read the body may have left its listener, under which `resume` alone lets nothing through.
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
  // Of a client that hangs up in the middle of its body, the request itself tells nothing once its answer is written.
  req.socket.once("end", end);
}

/** A problem that is answered where no request was read. */
export type ReadProblem = Problem & { type: ProblemCode };

/** What the parser says where a connection takes no further request. */
const TOO_MANY_WAIT = "HPE_CB_HEADERS_COMPLETE";

const tooManyWait = () =>
  new Problem("unavailable", "Too many requests were sent here without waiting for answers. Send this one again.", {
    headers: { "Retry-After": "1" },
  }) as ReadProblem;

/** What Node could not read as HTTP, by the code of its error; null: the connection is gone. */
export function unreadable({ code = "" }: NodeJS.ErrnoException): { problem: ReadProblem; isGarbage: boolean } | null {
  if (code === "HPE_HEADER_OVERFLOW") return garbage("invalid-header", "The header fields are too large.");
  if (code === TOO_MANY_WAIT) return { problem: tooManyWait(), isGarbage: false };
  if (code.startsWith("HPE_")) return garbage("malformed-body", "This is no HTTP that can be read.");
  if (code !== "ERR_HTTP_REQUEST_TIMEOUT") return null;
  const problem = new Problem("upload-timeout", "The request did not come in time.") as ReadProblem;
  return { problem, isGarbage: false };
}

const garbage = (type: ProblemCode, detail: string) => ({
  problem: new Problem(type, detail) as ReadProblem,
  isGarbage: true,
});

/** For whoever takes this server for a proxy: Node would close the connection without a word. */
export const noProxy = () =>
  new Problem("method-not-allowed", "This is no proxy.", {
    headers: { Allow: "GET, HEAD, POST, PUT, PATCH" },
  }) as ReadProblem;

/** Where there is no request to answer, the answer is written to the socket itself. */
export function answerOnSocket(problem: ReadProblem, socket: Duplex): void {
  if (!socket.writable) return;
  const body = bodyOf(problem);
  const { status } = problems[problem.type];
  const { headers = {} } = (problem.data ?? {}) as ProblemExtra;
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "Content-Type: application/problem+json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${uuidv7()}`,
    "X-Content-Type-Options: nosniff",
    "Connection: close",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n${body}`);
  hangUp(socket);
}

/** After the last answer: our side ends, and theirs has some time to. */
function hangUp(socket: Duplex): void {
  // A client that hangs up meanwhile is no defect.
  socket.on("error", () => {}).resume();
  socket.end();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once("close", () => clearTimeout(timer));
}
