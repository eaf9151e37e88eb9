/** Spans as a collector of traces takes them. */
import { hash } from "node:crypto";
import { TracerExporters, type TracerOptions } from "moleculer";

/** Needs `baseURL`. `interval`: how many seconds of spans one request has. */
export class ZipkinExporter extends TracerExporters.Zipkin {
  /**
   * Zipkin's ids are hexadecimal, and one that is not costs all spans that are sent with it. A trace has the id of its request,
   * which may be any text of a partner's; and of our own ids the first digits, which Moleculer takes, are mostly the time.
   */
  override convertID(id: string): string {
    return id && hash("sha256", id).slice(0, 16);
  }

  /** Moleculer would wait minutes for a collector that hangs, and keep all that it has sent meanwhile. */
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

/** Names, times and errors of calls alone: what they carry is the partners', and secrets are among it. */
export function tracing(baseURL: string | null): TracerOptions {
  if (baseURL === null) return { enabled: false };
  return {
    enabled: true,
    // The types do not allow an exporter of our own.
    exporter: new ZipkinExporter({ baseURL }) as unknown as TracerOptions["exporter"],
    tags: { action: { params: false } },
    // As many entries as Moleculer's own list: it fills up a shorter one with its last entry, `data`.
    errorFields: ["name", "message", "code", "type", "retryable"],
  };
}
