/** `GET /`: the console, the page for operators and partners. It uses the public API alone. */
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import { type Config, configOf } from "../../../config/config.ts";
import { fileOf, tokenFileOf } from "../../../config/urls.ts";
import { Problem } from "../../../lib/errors.ts";
import { root } from "../../../root.cjs";
import type { Exchange } from "../http/exchange.ts";
import { consoleFiles } from "./console.files.ts";
import { type Sendable, send, sendable } from "./sendable.ts";

const { version } = createRequire(join(root, "package.json"))("./package.json") as { version: string };

/**
 * The content security policy of the page: it may load files of this node alone. Its one inline script is the map of
 * imports, which has no address.
 */
const policyOf = (importMap: string): string =>
  [
    "default-src 'none'",
    `script-src 'self' 'sha256-${createHash("sha256").update(importMap).digest("base64")}'`,
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join("; ");

/** The settings that the page needs before anybody has logged in. */
interface PageSettings {
  version: string;
  label: string | null;
  partners: boolean;
  /**
   * The file on this node that has the operators' token. Null if the token is in the settings, or if the reader is at
   * another machine.
   */
  tokenFile: string | null;
}

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");

/**
 * Whether the reader is at this machine. Only such a reader learns where the token is. Behind a proxy every reader
 * would look like one, so nobody learns it.
 */
function isHere({ socket, headers }: Exchange["req"]): boolean {
  const isLoopback = /^(127\.|::1$|::ffff:127\.)/.test(socket.remoteAddress ?? "");
  return isLoopback && headers["x-forwarded-for"] === undefined && headers.forwarded === undefined;
}

function tokenFile(config: Config, exchange: Exchange): string | null {
  const database = config.adminToken ? null : fileOf(config.databaseUrl);
  return database && isHere(exchange.req) ? relative(process.cwd(), tokenFileOf(database)) : null;
}

const pages = new Map<string, Promise<Sendable>>();

/** The page with these settings. There are only a few different settings, so each form of the page is made once. */
function pageWith(page: string, settings: PageSettings): Promise<Sendable> {
  const text = page.replace("{{settings}}", escaped(JSON.stringify(settings)));
  const known = pages.get(text) ?? sendable("text/html; charset=utf-8", Buffer.from(text));
  pages.set(text, known);
  return known;
}

/** Answers the console. Throws not-found if CONSOLE=false. */
export async function getConsole(exchange: Exchange): Promise<undefined> {
  const config = wanted(exchange);
  const { page, importMap } = await consoleFiles();
  const settings = {
    version,
    label: config.consoleLabel,
    partners: config.consolePartners,
    tokenFile: tokenFile(config, exchange),
  };
  await send(exchange, await pageWith(page, settings), {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": policyOf(importMap),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
  });
}

/**
 * Answers a file of the page. The path has the hash of all files, so an answer stays valid for ever. Throws not-found.
 */
export async function getConsoleFile(exchange: Exchange): Promise<undefined> {
  wanted(exchange);
  const { hash, folder, asset } = exchange.path;
  const files = await consoleFiles();
  const file = hash === files.hash ? await files.file([folder, asset].filter(Boolean).join("/")) : undefined;
  if (!file) throw new Problem("not-found", "There is no such file, or it is one of another version: load / again.");
  await send(exchange, file, { "Cache-Control": "public, max-age=31536000, immutable" });
}

function wanted({ req }: Exchange): Config {
  const config = configOf(req.$service.broker);
  if (!config.hasConsole) throw new Problem("not-found", "There is nothing at this path.");
  return config;
}
