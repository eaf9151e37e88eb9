import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { ServiceBroker } from "moleculer";
import { metricsFormatFor } from "../../lib/metrics/format.ts";
import { http } from "../../lib/net/http.ts";
import { listen, originForm } from "../../lib/net/listen.ts";
import { actors } from "../actors.ts";

/** How many ports are tried after the wanted one: this many workers can share a machine. */
const MOST_TRIES = 100;

interface Answer {
  status: number;
  headers: Record<string, string>;
  text: string;
}

const asJson = (status: number, body: unknown): Answer => ({
  status,
  headers: { "content-type": "application/json; charset=utf-8" },
  text: JSON.stringify(body),
});

/** Serves /health and /metrics on a node without the api. */
export class MonitorPort {
  private readonly server: Server;
  private readonly pages: Record<string, (req: IncomingMessage) => Promise<Answer>>;

  constructor(broker: ServiceBroker) {
    this.pages = {
      "/health/live": async () => asJson(200, { status: "ok" }),
      "/health/ready": async () => {
        const readiness = await actors.monitor.ready(broker, {});
        return asJson(readiness.status === "unavailable" ? 503 : 200, readiness);
      },
      "/metrics": async (req) => {
        const { headers, isOpenMetrics } = metricsFormatFor(req);
        return { status: 200, headers, text: await actors.monitor.metrics(broker, { isOpenMetrics }) };
      },
    };
    this.server = http.createServer((req, res) => void this.answer(req, res));
  }

  private async answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { method, url } = req;
    const page = this.pages[originForm(url).split("?")[0] ?? "/"];
    const isRead = method === "GET" || method === "HEAD";
    const found = page && isRead ? page(req) : Promise.resolve(asJson(page ? 405 : 404, { status: "not found" }));
    const { status, headers, text } = await found.catch(() => asJson(500, { status: "failed" }));
    const always = { "x-content-type-options": "nosniff", "content-length": Buffer.byteLength(text) };
    res.writeHead(status, { ...headers, ...always }).end(text);
  }

  /** Listens on `port`, or on the next free one (0: on any). Answers the port. */
  async listen(port: number, host: string): Promise<number> {
    for (let tried = 0; ; tried++) {
      try {
        return await listen(this.server, { setting: "METRICS_PORT", port: port + tried, host });
      } catch (error) {
        const isTaken = ((error as Error).cause as NodeJS.ErrnoException).code === "EADDRINUSE";
        if (!isTaken || tried === MOST_TRIES || port + tried === 65_535) throw error;
      }
    }
  }

  async close(): Promise<void> {
    if (!this.server.listening) return;
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }
}
