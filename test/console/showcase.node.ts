/** The node of the showcase: the whole system on SQLite, with handlers that are slow, fail sometimes, or always fail. */
import { setTimeout as sleep } from "node:timers/promises";
import { ServiceBroker, type ServiceSchema } from "moleculer";
import { loadConfig } from "../../config/config.ts";
import { serviceNames } from "../../config/services.ts";
import { brokerOptions } from "../../moleculer.config.ts";
import { ADMIN_TOKEN } from "../helpers/system.ts";

const ledger = {
  name: "ledger",
  actions: {
    book: { importHandler: true, timeout: 0, handler: () => sleep(20_000) },
    flaky: {
      importHandler: true,
      handler() {
        throw new Error("The ledger's period 2026-11 is closed.");
      },
    },
    dead: {
      importHandler: true,
      handler() {
        throw new Error("Account 4711 does not exist.");
      },
    },
  },
};

export async function startNode(file: string, port: number): Promise<{ url: string; stop(): Promise<void> }> {
  const config = loadConfig({
    DATABASE_URL: `sqlite:${file}`,
    DATABASE_SCHEMA: "none",
    PORT: String(port),
    HOST: "127.0.0.1",
    ADMIN_TOKEN,
    LOG_LEVEL: "warn",
    WEBHOOK_ALLOWED_HOSTS: "127.0.0.1",
    HANDLERS_DIR: import.meta.dirname,
  });
  const broker = new ServiceBroker({
    ...brokerOptions(config),
    nodeID: "showcase-1",
    skipProcessEventRegistration: true,
  });
  for (const name of serviceNames) {
    const { default: schema }: { default: ServiceSchema } = await import(`../../services/${name}/${name}.service.ts`);
    broker.createService({ ...schema, settings: { ...schema.settings } });
  }
  broker.createService(ledger as unknown as ServiceSchema);
  await broker.start();
  return { url: `http://127.0.0.1:${port}`, stop: () => broker.stop() };
}
