/** Spans as a collector of traces takes them. */
import { hash } from "node:crypto";
import { TracerExporters } from "moleculer";

/**
 * Zipkin's ids are hexadecimal, and one that is not costs all spans that are sent with it. A trace has the id of its request,
 * which may be any text of a partner's; and of our own ids the first digits, which Moleculer takes, are mostly the time.
 */
export class ZipkinExporter extends TracerExporters.Zipkin {
  override convertID(id: string): string {
    return id && hash("sha256", id).slice(0, 16);
  }
}
