/** `GET /docs/guide`: the documentation of this version. Errors, alerts and the console link to it. */
import { Problem } from "../../../lib/errors.ts";
import type { Exchange } from "../http/exchange.ts";
import { type GuideFile, guideFiles } from "./guide.pages.ts";
import { PAGE_POLICY } from "./open.ts";
import { type Sendable, send, sendable } from "./sendable.ts";

let found: Promise<Map<string, GuideFile>> | undefined;
const packed = new Map<string, Promise<Sendable>>();

/** Reads and renders all pages when the first page is asked for, because most nodes are never asked. */
function files(): Promise<Map<string, GuideFile>> {
  found ??= guideFiles();
  found.catch(() => {
    found = undefined;
  });
  return found;
}

/** Answers a page or a picture of the guide. Throws not-found. */
export async function getGuide(exchange: Exchange): Promise<undefined> {
  const { page, section, chapter } = exchange.path;
  const name = section ? `${section}/${chapter}` : (page ?? "");
  const file = (await files()).get(name);
  if (!file) throw new Problem("not-found", "The guide has no such page.");
  const known = packed.get(name) ?? sendable(file.type, file.bytes);
  packed.set(name, known);
  await send(exchange, await known, {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": PAGE_POLICY,
    "Referrer-Policy": "no-referrer",
  });
}
