/**
 * The calls that anybody may make: health, metrics, and `GET /docs`, which shows the OpenAPI document in Swagger UI.
 * The files of Swagger UI come from its package, so that the page works without internet.
 */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Problem } from "../../../lib/errors.ts";
import { metricsFormatFor } from "../../../lib/metrics/format.ts";
import { root } from "../../../root.cjs";
import { actors } from "../../actors.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";
import { type Sendable, send, sendable } from "./sendable.ts";

/** What a page of documentation may load: nothing from another host, and no inline script or style. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  // The style sheet of Swagger UI has its icons as `data:` URLs.
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const PAGE = "api.docs.html";
const ours = join(root, "services", "api");
const viewers = dirname(createRequire(join(root, "package.json")).resolve("swagger-ui-dist/package.json"));

/** The only files that can be read. So no path leads to another file. */
const files: Record<string, { folder: string; type: string }> = {
  [PAGE]: { folder: ours, type: "text/html; charset=utf-8" },
  "api.guide.css": { folder: ours, type: "text/css; charset=utf-8" },
  "api.docs.js": { folder: ours, type: "text/javascript; charset=utf-8" },
  "swagger-ui-bundle.js": { folder: viewers, type: "text/javascript; charset=utf-8" },
  "swagger-ui.css": { folder: viewers, type: "text/css; charset=utf-8" },
  "favicon-32x32.png": { folder: viewers, type: "image/png" },
};

/** The files that the page loads. */
export const docsFiles = Object.keys(files).filter((name) => name !== PAGE);

const loaded = new Map<string, Promise<Sendable>>();

/** Reads a file when it is first asked for, and keeps it, because most nodes are never asked. Throws not-found. */
function fileOf(name: string): Promise<Sendable> {
  const file = Object.hasOwn(files, name) ? files[name] : undefined;
  if (!file) throw new Problem("not-found", "There is nothing at this path.");
  const known = loaded.get(name) ?? readFile(join(file.folder, name)).then((bytes) => sendable(file.type, bytes));
  loaded.set(name, known);
  known.catch(() => loaded.delete(name));
  return known;
}

export async function getDocs(exchange: Exchange): Promise<undefined> {
  await send(exchange, await fileOf(PAGE), {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": PAGE_POLICY,
    "Referrer-Policy": "no-referrer",
  });
}

export async function getDocsFile(exchange: Exchange): Promise<undefined> {
  const name = exchange.path.file ?? "";
  if (name === PAGE) throw new Problem("not-found", "There is nothing at this path.");
  await send(exchange, await fileOf(name), { "Cache-Control": "public, max-age=3600" });
}

export async function sendMetrics({ ctx, req, res }: Exchange): Promise<undefined> {
  const { headers, isOpenMetrics } = metricsFormatFor(req);
  const text = await actors.monitor.metrics(ctx, { isOpenMetrics });
  res.writeHead(200, { ...headers, "content-length": Buffer.byteLength(text) }).end(text);
}

export async function getLive(): Promise<Reply> {
  return json(200, { status: "ok" });
}

/**
 * Answers whether the node is ready. 503 only without a database, or while the node starts or stops. A server that is
 * not configured is "off".
 */
export async function getReady({ ctx, req }: Exchange): Promise<Reply> {
  const readiness = await actors.monitor.ready(ctx, {});
  const status = req.$service.isStopping ? "unavailable" : readiness.status;
  return json(status === "unavailable" ? 503 : 200, { ...readiness, status });
}
