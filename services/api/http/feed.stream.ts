/** One answer of server-sent events about many things. Of each thing only its latest state waits for a slow reader. */
import type { ServerResponse } from "node:http";

/** Proxies and load balancers close a connection that is silent for a minute, some after half a minute. */
const HEARTBEAT_MS = 15_000;
/** A client that reads nothing for this long, not even heartbeats, counts as gone. */
const STALLED_MS = 60_000;
/** How many changed things may wait for a slow reader. Beyond that it only gets a notice that it has missed some. */
const MOST_WAITING = 500;

export const EVENT_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store",
  // nginx would hold events back until its buffer is full.
  "x-accel-buffering": "no",
};

export const feedEvents = ["stats", "batch", "delivery", "notice"] as const;

export interface FeedEvent {
  event: (typeof feedEvents)[number];
  /** What it is about: a later event about the same replaces it. */
  key: string;
  /** JSON. */
  data: string;
}

/** Tells a reader that it may have missed events, so that it reads again what it shows. */
export const missed = (): FeedEvent => ({
  event: "notice",
  key: "missed",
  data: JSON.stringify({ at: new Date().toISOString(), kind: "missed" }),
});

export class FeedStream {
  /** Settles when the connection is gone, or everything was sent. */
  readonly closed: Promise<void>;
  private readonly res: ServerResponse;
  private readonly heartbeat: NodeJS.Timeout;
  private readonly waiting = new Map<string, FeedEvent>();
  private sent = 0;

  constructor(res: ServerResponse, { heartbeatMs = HEARTBEAT_MS, stalledMs = STALLED_MS } = {}) {
    this.res = res;
    // The connection closes after the stream, so every client sees its end, also when the node stops.
    res.shouldKeepAlive = false;
    res.setTimeout(stalledMs, () => res.destroy());
    res.writeHead(200, EVENT_HEADERS);
    // An id without an event: so a browser sends `Last-Event-ID` when it reconnects, even if it has got no event yet.
    res.write(":\nid: 0\n\n");
    res.on("drain", () => this.flush());
    this.heartbeat = setInterval(() => this.isReady && this.res.write(":\n\n"), heartbeatMs);
    this.closed = new Promise<void>((resolve) => {
      if (res.destroyed) resolve();
      else res.once("close", resolve);
    }).then(() => this.rest());
  }

  tell(event: FeedEvent): void {
    this.waiting.delete(event.key);
    this.waiting.set(event.key, event);
    if (this.waiting.size > MOST_WAITING) this.drop();
    this.flush();
  }

  /** Ends the answer. Clients reconnect by themselves, to another node. */
  end(): void {
    this.rest();
    this.res.end();
  }

  private drop(): void {
    // It may be the oldest itself, and would be all that is dropped.
    this.waiting.delete("missed");
    const [oldest] = this.waiting.keys();
    this.waiting.delete(oldest as string);
    this.waiting.set("missed", missed());
  }

  private rest(): void {
    clearInterval(this.heartbeat);
    this.waiting.clear();
  }

  private get isReady(): boolean {
    return !this.res.destroyed && !this.res.writableEnded && !this.res.writableNeedDrain;
  }

  private flush(): void {
    for (const [key, { event, data }] of this.waiting) {
      if (!this.isReady) return;
      this.waiting.delete(key);
      this.heartbeat.refresh();
      this.res.write(`event: ${event}\nid: ${++this.sent}\ndata: ${data}\n\n`);
    }
  }
}
