import { existsSync, readdirSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { ServiceBroker, ServiceSchema } from "moleculer";

const SERVICE_FILE = /\.service\.(ts|js|mjs|cjs)$/;

/** Loads the company's own services (handlers) of a folder into this node; a folder that is not there holds none. */
export async function loadHandlers(broker: ServiceBroker, folder: string): Promise<void> {
  const path = resolve(folder);
  if (!existsSync(path)) return;
  const files = readdirSync(path, { recursive: true, encoding: "utf8" }).filter((name) => SERVICE_FILE.test(name));
  for (const file of files.sort()) {
    const module = (await import(pathToFileURL(resolve(path, file)).href)) as { default: ServiceSchema };
    broker.createService(module.default);
    broker.logger.info(`Handlers of ${file} are loaded.`);
  }
}
