/** Whether an answer is sent packed with gzip. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import Negotiator from "negotiator";

/**
 * The least bytes of a text that is packed. A text that fits into one network packet does not arrive sooner if it is
 * smaller. The answer about one batch fits, so imports never pay for gzip.
 */
const LEAST_PACKED = 1_400;
/**
 * The level of gzip. At the lowest level a list shrinks to a sixth. Higher levels take up to twice the time and save
 * only a few per cent more.
 */
const LEVEL = 1;

export const takesGzip = (req: IncomingMessage): boolean =>
  req.headers["accept-encoding"] !== undefined && new Negotiator(req).encoding(["gzip", "identity"]) === "gzip";

/**
 * Whether an answer may be packed. An answer with a secret may not, because its packed size would tell of the secret
 * (BREACH). An answer with an ETag may not, because the ETag stands for the exact bytes and comes back in `If-Match`.
 */
const mayBePacked = (text: string, headers: Record<string, string>): boolean =>
  text.length >= LEAST_PACKED && headers["Cache-Control"] !== "no-store" && headers.ETag === undefined;

/**
 * The bytes to send for a text, packed or not, and their headers. The text is packed on the main thread: 32 kB take 0.1
 * ms, and handing them to the thread pool would cost more than that.
 */
export function packed(
  res: ServerResponse,
  text: string,
  headers: Record<string, string>,
): { bytes: string | Buffer; own: Record<string, string> } {
  if (!mayBePacked(text, headers)) return { bytes: text, own: {} };
  const before = res.getHeader("Vary");
  const own = { Vary: before === undefined ? "Accept-Encoding" : `${before}, Accept-Encoding` };
  if (!takesGzip(res.req)) return { bytes: text, own };
  return { bytes: gzipSync(text, { level: LEVEL }), own: { ...own, "Content-Encoding": "gzip" } };
}
