/** The access log: one line for each request, written when its answer has ended or its connection was cut. */
import type { Socket } from "node:net";
import type { ServiceBroker } from "moleculer";
import { configOf } from "../../../config/config.ts";
import { Fields, type FieldValues, type Logger } from "../../../lib/log/fields.ts";
import { ACCESS } from "../../../lib/log/logger.ts";
import { sourceOf } from "./address.ts";
import type { ApiRequest } from "./head.ts";

/** Routes that probes, scrapers and pages ask for all the time. Only their failures get a line in the access log. */
const quiet = new Set([
  "/health/live",
  "/health/ready",
  "/metrics",
  "/docs/:file",
  "/console/:hash/:asset",
  "/console/:hash/:folder/:asset",
]);

/** Routes whose `id` is the id of a batch. */
const ofBatch = /^\/(?:imports|admin\/batches)\/:id(?:\/|$)/;
const isId = (text: string): boolean => /^[\da-f-]{36}$/i.test(text);

/**
 * What the access log remembers of a connection: its bytes at the end of its last request, and the address of its peer.
 */
interface Peer {
  read: number;
  written: number;
  address: string;
}

/** How a request has ended. `status` is null if the connection was cut before the answer began. */
export interface Ended {
  route: string | null;
  status: number | null;
  isCut: boolean;
  ms: number;
}

/** The access log. Null if the access log is turned off, or if the log level hides its lines. */
export function accessLogOf(broker: ServiceBroker): AccessLog | null {
  const { accessLog, logLevel, trustedProxies } = configOf(broker);
  const isSeen = accessLog && ["info", "debug", "trace"].includes(logLevel);
  return isSeen ? new AccessLog(broker.getLogger(ACCESS), trustedProxies) : null;
}

export class AccessLog {
  private readonly logger: Logger;
  private readonly trusted: readonly string[];
  private readonly peers = new WeakMap<Socket, Peer>();

  /** `trusted` are the proxies whose `X-Forwarded-For` counts. */
  constructor(logger: Logger, trusted: readonly string[]) {
    this.logger = logger;
    this.trusted = trusted;
  }

  /** Writes the line of a request to the access log. */
  ended(req: ApiRequest, { route, status, isCut, ms }: Ended): void {
    const { bytesIn, bytesOut } = this.moved(req.socket);
    if (route !== null && quiet.has(route) && status !== null && status < 400) return;
    const values: FieldValues = {
      requestId: req.$ctx?.requestID ?? undefined,
      client: req.caller?.client.identifier,
      operator: req.operator?.name,
      method: req.method,
      route,
      status,
      code: req.problem?.type,
      bytesIn,
      bytesOut,
      ms: Math.round(ms * 10) / 10,
      address: this.addressOf(req),
      batchId: batchIdOf(req, route),
      traceId: req.traceId,
      ...(isCut && { aborted: true }),
    };
    const text = `${req.method} ${route ?? "(no route)"} ${status ?? "(no answer)"}`;
    this.logger.info(text, new Fields(values));
  }

  /** Writes the line of bytes that are not an HTTP request. Such bytes have neither a method nor a path. */
  refused(socket: Socket, { requestId, status, code }: { requestId: string; status: number; code: string }): void {
    const { bytesIn, bytesOut } = this.moved(socket);
    const { address } = this.peerOf(socket);
    const values: FieldValues = { requestId, method: null, route: null, status, code, bytesIn, bytesOut, address };
    this.logger.info(`(no request) ${status}`, new Fields(values));
  }

  /** Bytes on the wire since the last request of this connection, with the heads of requests and answers. */
  private moved(socket: Socket): { bytesIn: number; bytesOut: number } {
    const peer = this.peerOf(socket);
    const bytesIn = socket.bytesRead - peer.read;
    const bytesOut = socket.bytesWritten - peer.written;
    peer.read = socket.bytesRead;
    peer.written = socket.bytesWritten;
    return { bytesIn, bytesOut };
  }

  private addressOf(req: ApiRequest): string {
    if (req.headers["x-forwarded-for"] !== undefined) return sourceOf(req, this.trusted);
    return this.peerOf(req.socket).address;
  }

  private peerOf(socket: Socket): Peer {
    const known = this.peers.get(socket);
    if (known) return known;
    const peer = { read: 0, written: 0, address: sourceOf({ socket }, []) };
    this.peers.set(socket, peer);
    return peer;
  }
}

/** The id of the batch that a request is about. Undefined if neither the answer nor the path names a batch. */
export function batchIdOf({ batchId, problem, $params }: ApiRequest, route: string | null): string | undefined {
  const { batchId: ofProblem } = (problem?.data ?? {}) as { batchId?: unknown };
  if (batchId !== undefined) return batchId;
  if (typeof ofProblem === "string") return ofProblem;
  return route !== null && ofBatch.test(route) && isId($params.id ?? "") ? $params.id : undefined;
}
