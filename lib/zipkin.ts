/** Sends Moleculer's spans to a trace collector, in Zipkin's format. */
import { hash } from "node:crypto";
import { TracerExporters, type TracerOptions } from "moleculer";

/**
 * Needs `baseURL`. `interval`: the seconds between two requests to the collector, and the time limit of each request.
 */
export class ZipkinExporter extends TracerExporters.Zipkin {
  /**
   * Hashes an id, so that it has 16 hexadecimal digits, as Zipkin requires. A collector refuses all spans of a request
   * if one id is invalid. A trace has the id of its HTTP request, and a partner may choose any text for that. Moleculer
   * itself would send only the first digits of an id. In DataFlow's own ids these are mostly the time, so ids would
   * collide.
   */
  override convertID(id: string): string {
    return id && hash("sha256", id).slice(0, 16);
  }

  /**
   * Sends the waiting spans, with a time limit. Moleculer's own `flush` waits minutes for a collector that hangs, and
   * keeps the spans of all open requests in memory.
   */
  override flush(): void {
    if (this.queue.length === 0) return;
    const body = JSON.stringify(this.generateTracingData());
    this.queue.length = 0;
    this.#send(body).catch((error: unknown) => this.logger.warn("The trace collector did not accept spans:", error));
  }

  async #send(body: string): Promise<void> {
    const { baseURL, headers, interval = 0 } = this.opts;
    const signal = AbortSignal.timeout(interval * 1000);
    const answer = await fetch(`${baseURL}/api/v2/spans`, { method: "POST", body, headers: headers ?? {}, signal });
    await answer.body?.cancel();
    if (!answer.ok) throw new Error(`status ${answer.status}`);
  }
}

/**
 * Options of Moleculer's tracing. A span has the name, times and error of a call, but no params: those may contain
 * secrets.
 */
export function tracing(baseURL: string | null): TracerOptions {
  if (baseURL === null) return { enabled: false };
  return {
    enabled: true,
    // The types do not allow an exporter of our own.
    exporter: new ZipkinExporter({ baseURL }) as unknown as TracerOptions["exporter"],
    tags: { action: { params: false } },
    // Moleculer fills a list of fewer than five entries up from its own, whose fifth entry is `data`: that may contain
    // secrets.
    errorFields: ["name", "message", "code", "type", "retryable"],
  };
}
