/** Every refusal as problem+json (RFC 9457), also to a client that is still sending. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Errors } from "moleculer";
import { isProblem, Problem, type ProblemCode, type ProblemExtra, problems } from "../errors.ts";

/** How long a client that was refused in the middle of its body may go on sending before the connection is cut. */
const LINGER_MS = 5_000;

const QUOTA_TYPE = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/** What a user may learn of any error: of an unexpected one nothing but that it happened. */
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

function bodyOf({ type, message, data }: Problem & { type: ProblemCode }): string {
  const { headers, ...members } = (data ?? {}) as ProblemExtra;
  const { title, status } = problems[type];
  const uri = type === "quota-exceeded" ? QUOTA_TYPE : `urn:dataflow:problem:${type}`;
  return JSON.stringify({ type: uri, title, status, detail: message, code: type, ...members });
}

/** Answers with a problem. Nothing happens where an answer is already on its way: that one is cut off instead. */
export function sendProblem(req: IncomingMessage, res: ServerResponse, problem: Problem & { type: ProblemCode }): void {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const body = bodyOf(problem);
  const { headers = {} } = (problem.data ?? {}) as ProblemExtra;
  const isSending = !req.complete;
  res.writeHead(problems[problem.type].status, {
    "content-type": "application/problem+json",
    "content-length": Buffer.byteLength(body),
    ...headers,
    ...(isSending ? { connection: "close" } : {}),
  });
  if (isSending) linger(req, res, body);
  else res.end(body);
}

/**
 * Ending the answer while the client still sends would reset the connection, and many a client would never see the
 * answer. So it is written, the rest of the body is let through for a while, and then the connection is closed.
 */
function linger(req: IncomingMessage, res: ServerResponse, body: string): void {
  res.write(body);
  req.on("error", () => {});
  req.resume();
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
}
