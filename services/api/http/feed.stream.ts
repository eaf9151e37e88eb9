/** One answer of server-sent events about many things. For a slow reader only the latest state of each thing waits. */
import type { ServerResponse } from "node:http";

/** Proxies and load balancers close a connection that is silent for a minute, some after half a minute. */
const HEARTBEAT_MS = 15_000;
/** A client that reads nothing for this long, not even heartbeats, counts as gone. */
const STALLED_MS = 60_000;
/**
 * The most changed things that may wait for a slow reader. If there are more, the reader gets a notice that it has
 * missed some.
 */
const MOST_WAITING = 500;

export const EVENT_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store",
  // Without this header nginx would hold events back until its buffer is full.
  "x-accel-buffering": "no",
};

export const feedEvents = ["stats", "batch", "delivery", "notice"] as const;

export interface FeedEvent {
  event: (typeof feedEvents)[number];
  /** What the event is about. A later event with the same key replaces this event. */
  key: string;
  /** The event's data, as JSON. */
  data: string;
}

/** An event that tells a reader that it may have missed events. The reader then reads again what it shows. */
export const missed = (): FeedEvent => ({
  event: "notice",
  key: "missed",
  data: JSON.stringify({ at: new Date().toISOString(), kind: "missed" }),
});

export class FeedStream {
  /** Settles when the connection is gone, or when everything was sent. */
  readonly closed: Promise<void>;
  private readonly res: ServerResponse;
  private readonly heartbeat: NodeJS.Timeout;
  private readonly waiting = new Map<string, FeedEvent>();
  private sent = 0;

  constructor(res: ServerResponse, { heartbeatMs = HEARTBEAT_MS, stalledMs = STALLED_MS } = {}) {
    this.res = res;
    // The connection closes after the stream, so every client sees the end of the stream, also when the node stops.
    res.shouldKeepAlive = false;
    res.setTimeout(stalledMs, () => res.destroy());
    res.writeHead(200, EVENT_HEADERS);
    // An id without an event. With it a browser sends `Last-Event-ID` when it reconnects, even if it has received no
    // event yet.
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

  /** Ends the answer. Clients then reconnect by themselves, to another node. */
  end(): void {
    this.rest();
    this.res.end();
  }

  private drop(): void {
    // The notice `missed` may itself be the oldest. If it were dropped in place of an event, no room would be made.
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
