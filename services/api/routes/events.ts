/**
 * `GET /imports/{id}/events`, and the same call of operators: the batch as server-sent events, until the batch has
 * ended.
 */
import type { ServerResponse } from "node:http";
import { described, type JsonSchema, orNull, record, text } from "../../../lib/json-schema.ts";
import { actors, type Caller } from "../../actors.ts";
import { type BatchRow, isFinal } from "../../batch/batch.domain.ts";
import { outlookOf } from "../../batch/batch.outlook.domain.ts";
import type { Client } from "../../clientCache/clientCache.contract.ts";
import type { Exchange } from "../http/exchange.ts";
import { PROGRESS_EVERY_MS } from "../http/watches.ts";
import { listedSchema } from "./admin.batches.ts";
import { batchOf, readerOf } from "./export.ts";
import { batchView, listedBatchView } from "./views.ts";

/** Proxies and load balancers close a connection that is silent for a minute, some after half a minute. */
const HEARTBEAT_MS = 15_000;
/** A client that reads nothing for this long, not even heartbeats, counts as gone. */
const STALLED_MS = 60_000;

const HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store",
  // Without this header nginx would hold events back until its buffer is full.
  "x-accel-buffering": "no",
};

export async function getEvents(exchange: Exchange): Promise<undefined> {
  const { req, res } = exchange;
  const { watches, streams } = req.$service;
  const batch = await batchOf(exchange);
  // Browsers reconnect when a stream ends. The status 204 tells them not to (HTML, server-sent events).
  if (isFinal(batch.state) && req.headers["last-event-id"] === String(batch.version))
    return void res.writeHead(204, { "cache-control": "no-store" }).end();
  if (req.method === "HEAD") return void res.writeHead(200, HEADERS).end();
  const reader = readerOf(exchange);
  const view = req.operator ? await operatorsView(exchange, batch) : batchView;
  req.revoked?.throwIfAborted();
  streams.requirePlace(reader);
  const stream = new EventStream(res, { view });
  const leave = watches.join(batch, { changed: (now) => stream.show(now), ended: () => stream.end() });
  req.revoked?.addEventListener("abort", () => stream.end());
  stream.show(batch);
  await streams.keep(reader, stream);
  leave();
}

async function operatorsView({ ctx }: Exchange, batch: BatchRow): Promise<(batch: BatchRow) => object> {
  const beside = await besideOf(ctx, batch);
  return (now) => watchedView(now, beside);
}

interface Beside {
  client: Client | null;
  maxAttempts: number;
}

/**
 * What an event for operators tells of a batch beside the batch's row. The client and the most attempts come from
 * caches of this node.
 */
export async function besideOf(via: Caller, { clientId, policyVersion }: BatchRow): Promise<Beside> {
  const [client, maxAttempts] = await Promise.all([
    actors.clientCache.get(via, { id: clientId }),
    actors.batch.maxAttempts(via, { clientId, policyVersion }),
  ]);
  return { client, maxAttempts };
}

/**
 * A batch in an event for operators. The view is the same as in `GET /admin/batches`, without what would cost a query:
 * the last attempt, and, for a batch that might run now, whether its client has a free place.
 */
export function watchedView(batch: BatchRow, { client, maxAttempts }: Beside): object {
  const { clientId } = batch;
  const queue = { clientId, running: 0, cap: Infinity, isPaused: (client?.pausedAt ?? null) !== null };
  const outlook = outlookOf(batch, { maxAttempts, queue, now: Date.now() });
  const about = { client: client ?? undefined, outlook, attempt: undefined };
  const { lastAttempt: _, waits, waitsUntil, ...view } = listedBatchView(batch, about);
  return batch.state === "ready" && waits === null ? view : { ...view, waits, waitsUntil };
}

/** The schema of what `operatorsView` shows. */
export const watchedBatchSchema: JsonSchema = record(
  {
    ...listedSchema,
    waits: described(
      "Why it waits, as in the list. Omitted: it might run now, and only the list tells whether its client has a place for it.",
      orNull(text()),
    ),
  },
  ["validateOnly", "corrects", "waits", "waitsUntil"],
);

/**
 * Sends a batch's latest state to a client. A newer state replaces one that the client has not read, so a slow client
 * costs no memory. Progress is sent at most three times a second, the end at once.
 */
export class EventStream {
  /** Settles when the connection is gone, or when everything was sent. */
  readonly closed: Promise<void>;
  private readonly res: ServerResponse;
  private readonly view: (batch: BatchRow) => object;
  private readonly heartbeat: NodeJS.Timeout;
  private next: BatchRow | null = null;
  private version = -1;
  private shownAt = -Infinity;
  private later: NodeJS.Timeout | null = null;

  constructor(
    res: ServerResponse,
    { heartbeatMs = HEARTBEAT_MS, stalledMs = STALLED_MS, view = batchView as (batch: BatchRow) => object } = {},
  ) {
    this.res = res;
    this.view = view;
    // The connection closes after the stream, so every client sees the end of the stream, also when the node stops.
    res.shouldKeepAlive = false;
    res.setTimeout(stalledMs, () => res.destroy());
    res.writeHead(200, HEADERS);
    res.flushHeaders();
    res.on("drain", () => this.flush());
    this.heartbeat = setInterval(() => this.beat(), heartbeatMs);
    this.closed = new Promise<void>((resolve) => {
      if (res.destroyed) resolve();
      else res.once("close", resolve);
    }).then(() => this.rest());
  }

  show(batch: BatchRow): void {
    if (batch.version <= this.version) return;
    this.version = batch.version;
    this.next = batch;
    this.flush();
  }

  /** Ends the answer. Clients then reconnect by themselves, to another node. */
  end(): void {
    this.rest();
    this.res.end();
  }

  private rest(): void {
    clearInterval(this.heartbeat);
    if (this.later) clearTimeout(this.later);
    this.later = null;
    this.next = null;
  }

  private get isReady(): boolean {
    return !this.res.destroyed && !this.res.writableEnded && !this.res.writableNeedDrain;
  }

  private flush(): void {
    const { next } = this;
    if (!next || !this.isReady) return;
    const early = this.shownAt + PROGRESS_EVERY_MS - performance.now();
    if (early > 0 && !isFinal(next.state)) {
      this.later ??= setTimeout(() => {
        this.later = null;
        this.flush();
      }, early);
      return;
    }
    this.send(next);
    if (isFinal(next.state)) this.end();
  }

  private send(batch: BatchRow): void {
    this.next = null;
    this.shownAt = performance.now();
    this.heartbeat.refresh();
    this.res.write(`event: batch\nid: ${batch.version}\ndata: ${JSON.stringify(this.view(batch))}\n\n`);
  }

  private beat(): void {
    if (this.isReady) this.res.write(":\n\n");
  }
}
