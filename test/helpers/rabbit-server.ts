/** A RabbitMQ of the test's own, in a temporary folder on free ports, for faults that must not happen to a shared server. */
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { until } from "./patience.ts";
import { freePort } from "./port.ts";

const run = promisify(execFile);
const SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server";
/** A tool of Erlang. One call costs 10 ms of CPU time; `rabbitmqctl` costs a second. */
const CALL = "/usr/bin/erl_call";

export interface RabbitServer {
  url: string;
  /** Turns RabbitMQ's memory alarm on or off. With it, RabbitMQ reads nothing from publishers. */
  setAlarm(isOn: boolean): Promise<void>;
  stop(): Promise<void>;
}

/** Whether this machine can run a RabbitMQ of its own. */
export const hasRabbitServer = existsSync(SERVER) && existsSync(CALL);

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
    // One scheduler thread, which sleeps when idle, because other tests run on the same cores.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none",
  };
  // Starts the server without Debian's wrapper, which would change the user.
  const server = spawn(realpathSync(SERVER), { env, stdio: "ignore" });
  const exited = new Promise((resolve) => server.once("exit", resolve));
  const setWatermark = (share: string) =>
    run(CALL, ["-sname", node, "-a", `vm_memory_monitor set_vm_memory_high_watermark [${share}]`], { env });
  const stop = async () => {
    server.kill("SIGTERM");
    await exited;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await until(() => accepts(port), "RabbitMQ to listen", 60_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    setAlarm: async (isOn) => void (await setWatermark(isOn ? "0.0000001" : "0.4")),
    stop,
  };
}

/** Whether the server accepts connections; it listens once it has started. */
const accepts = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
