/** The whole of DataFlow in this process, with the defaults of `npm start`, on a database that is deleted at the end. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Service, ServiceBroker, type ServiceSchema } from "moleculer";
import { loadConfig } from "../config/config.ts";
import { serviceNames } from "../config/services.ts";
import { brokerOptions } from "../moleculer.config.ts";

const HOST = "127.0.0.1";
const PORT = 3000;
const ownSettings = { HOST, LOG_LEVEL: "error", LOG_FORMAT: "pretty", SHUTDOWN_TIMEOUT: "3s" };

export interface DemoSystem {
  url: string;
  adminToken: string;
  /** The path of the database. */
  file: string;
  stop(): Promise<void>;
}

export async function startSystem(): Promise<DemoSystem> {
  const folder = mkdtempSync(join(tmpdir(), "dataflow-demo-"));
  // Removes the folder also after an uncaught exception.
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const adminToken = randomBytes(24).toString("base64url");
  // An empty folder for handlers: the user's own handlers may need servers that the demo does not have.
  const own = { ...ownSettings, ADMIN_TOKEN: adminToken, HANDLERS_DIR: folder };
  const { broker, file } = await startedAt(PORT, own, folder).catch((error: Error) => {
    if ((error.cause as NodeJS.ErrnoException | undefined)?.code !== "EADDRINUSE") throw error;
    return startedAt(0, own, folder);
  });
  const { server } = broker.getLocalService("api") as Service & { server: { address(): AddressInfo } };
  return { url: `http://${HOST}:${server.address().port}`, adminToken, file, stop: () => broker.stop() };
}

async function startedAt(port: number, own: Record<string, string>, folder: string) {
  const file = join(folder, `demo-${port}.db`);
  const broker = await brokerWith({ ...own, PORT: String(port), DATABASE_URL: `sqlite:${file}` });
  const { error: log } = broker.logger;
  // A failed start throws. It may only be a taken port, so it is not logged here.
  broker.logger.error = () => {};
  try {
    await broker.start();
    broker.logger.error = log;
    return { broker, file };
  } catch (error) {
    await broker.stop();
    throw error;
  }
}

async function brokerWith(own: Record<string, string>): Promise<ServiceBroker> {
  const broker = new ServiceBroker({ ...brokerOptions(loadConfig(own)), skipProcessEventRegistration: true });
  for (const name of serviceNames) {
    const { default: schema }: { default: ServiceSchema } = await import(`../services/${name}/${name}.service.ts`);
    // A service may change its settings, so each broker gets a copy.
    broker.createService({ ...schema, settings: { ...schema.settings } });
  }
  return broker;
}
