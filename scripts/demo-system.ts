/** The whole of DataFlow in this process, as `npm start` has it by default, on a database that goes when it ends. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServiceBroker, type ServiceSchema } from "moleculer";
import { loadConfig } from "../config/config.ts";
import { serviceNames } from "../config/settings.ts";
import { brokerOptions } from "../moleculer.config.ts";

const HOST = "127.0.0.1";
const PORT = 3000;
const ownSettings = { HOST, LOG_LEVEL: "error", LOG_FORMAT: "pretty", SHUTDOWN_TIMEOUT: "3s" };

export interface DemoSystem {
  url: string;
  adminToken: string;
  stop(): Promise<void>;
}

export async function startSystem(): Promise<DemoSystem> {
  const folder = mkdtempSync(join(tmpdir(), "dataflow-demo-"));
  // Also when something throws where nobody catches.
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const adminToken = randomBytes(24).toString("base64url");
  // No handlers there: the user's own handlers may need what is not here.
  const own = { ...ownSettings, ADMIN_TOKEN: adminToken, HANDLERS_DIR: folder };
  const broker = await startedAt(PORT, own, folder).catch((error: Error) => {
    if ((error.cause as NodeJS.ErrnoException | undefined)?.code !== "EADDRINUSE") throw error;
    return startedAt(0, own, folder);
  });
  const { server } = broker.getLocalService("api") as unknown as { server: { address(): AddressInfo } };
  return { url: `http://${HOST}:${server.address().port}`, adminToken, stop: () => broker.stop() };
}

async function startedAt(port: number, own: Record<string, string>, folder: string): Promise<ServiceBroker> {
  const database = `sqlite:${join(folder, `demo-${port}.db`)}`;
  const broker = await brokerWith({ ...own, PORT: String(port), DATABASE_URL: database });
  const { error: log } = broker.logger;
  // What keeps it from starting is thrown, and may only be a port.
  broker.logger.error = () => {};
  try {
    await broker.start();
    broker.logger.error = log;
    return broker;
  } catch (error) {
    await broker.stop();
    throw error;
  }
}

async function brokerWith(own: Record<string, string>): Promise<ServiceBroker> {
  const broker = new ServiceBroker({ ...brokerOptions(loadConfig(own)), skipProcessEventRegistration: true });
  for (const name of serviceNames) {
    const { default: schema }: { default: ServiceSchema } = await import(`../services/${name}/${name}.service.ts`);
    // A service may write to its settings.
    broker.createService({ ...schema, settings: { ...schema.settings } });
  }
  return broker;
}
