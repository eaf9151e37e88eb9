import { existsSync, readdirSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { ServiceBroker, ServiceSchema } from "moleculer";
import { ConfigError } from "../../config/config.ts";

const SERVICE_FILE = /\.service\.(ts|js|mjs|cjs)$/;

/** Loads the company's own services (handlers) from a folder into this node. If the folder does not exist, nothing is loaded. */
export async function loadHandlers(broker: ServiceBroker, folder: string): Promise<void> {
  const path = resolve(folder);
  if (!existsSync(path)) return;
  const files = readdirSync(path, { recursive: true, encoding: "utf8" }).filter((name) => SERVICE_FILE.test(name));
  for (const file of files.sort()) {
    try {
      const module = (await import(pathToFileURL(resolve(path, file)).href)) as { default: ServiceSchema };
      broker.createService(module.default);
    } catch (error) {
      throw broken(file, error);
    }
    broker.logger.info(`Handlers of ${file} are loaded.`);
  }
}

/** The line number comes from the stack. For a syntax error it is in the stack's first line. */
function broken(file: string, error: unknown): ConfigError {
  const { message, stack = "" } = error instanceof Error ? error : new Error(String(error));
  const line = /^\d+/.exec(stack.split(`${file}:`)[1] ?? "")?.[0];
  const found = `${file}${line ? `, line ${line}` : ""}: ${message.split("\n", 1)[0]}`;
  return new ConfigError([{ name: "HANDLERS_DIR", expected: "files that export a Moleculer service each", found }]);
}
