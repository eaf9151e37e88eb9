/** A RabbitMQ of a test's own, in a temporary folder on free ports, for what must not be done to one that others use. */
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server";

export interface RabbitServer {
  url: string;
  /** Short of memory: it reads nothing from who publishes. */
  setAlarm(isOn: boolean): Promise<void>;
  stop(): Promise<void>;
}

/** Whether this machine can run one. */
export const hasRabbitServer = existsSync(SERVER);

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function startRabbitServer(): Promise<RabbitServer> {
  const folder = mkdtempSync(join(tmpdir(), "dataflow-rabbit-"));
  const port = await freePort();
  const node = `dataflow-${process.pid}@localhost`;
  const file = (name: string) => join(folder, name);
  writeFileSync(file("plugins"), "[].");
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    RABBITMQ_NODENAME: node,
    RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(await freePort()),
    RABBITMQ_MNESIA_BASE: file("db"),
    RABBITMQ_LOG_BASE: file("log"),
    RABBITMQ_CONFIG_FILE: file("none"),
    RABBITMQ_CONF_ENV_FILE: file("none"),
    RABBITMQ_ENABLED_PLUGINS_FILE: file("plugins"),
  };
  // Past Debian's wrapper, which would change the user.
  const server = spawn(realpathSync(SERVER), { env, stdio: "ignore" });
  const exited = new Promise((resolve) => server.once("exit", resolve));
  const control = (...args: string[]) =>
    run(join(dirname(realpathSync(SERVER)), "rabbitmqctl"), ["-n", node, ...args], { env });
  const stop = async () => {
    await control("stop").catch(() => server.kill("SIGKILL"));
    await exited;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await started(control);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    setAlarm: async (isOn) => void (await control("set_vm_memory_high_watermark", isOn ? "0.0000001" : "0.4")),
    stop,
  };
}

/** `await_startup` fails at once as long as the node is not even there to be asked. */
async function started(control: (...args: string[]) => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await control("await_startup", "--timeout", "60");
      return;
    } catch (error) {
      if (tries === 30) throw error;
    }
  }
}
