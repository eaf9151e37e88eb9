/** A PgBouncer of the test's own in front of the test PostgreSQL, in transaction mode, on a free port. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { onServer, POSTGRES_URL, postgresTarget } from "./database.ts";
import { freePort } from "./port.ts";
import { canRun, lackOf } from "./servers.ts";

const PROGRAM = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/opt/homebrew/bin/pgbouncer"].find((at) =>
  existsSync(at),
);
const USER = "pooled";
const PASSWORD = "only-4-tests";

/** Runs a suite if PgBouncer is installed. Otherwise a message says that `name` is skipped, also with CI=true. */
export const describePgBouncer = (name: string, suite: () => void): void => {
  const lacks = [PROGRAM ? null : "PgBouncer (Debian: apt-get install pgbouncer)", lackOf("postgres")];
  (canRun(name, lacks, { ...process.env, CI: "" }) ? describe : describe.skip)(name, suite);
};

export interface PgBouncer {
  /** The URL of a database behind PgBouncer. `login`: another user or password. */
  url(database: string, login?: { user?: string; password?: string }): string;
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Stops it and removes its files. */
  remove(): Promise<void>;
}

/** Starts PgBouncer. `databases`: the settings of each database beside the server's address. */
export async function startPgBouncer(databases: Record<string, string>, settings: string[] = []): Promise<PgBouncer> {
  const folder = await mkdtemp(join(tmpdir(), "dataflow-pgbouncer-"));
  // PgBouncer refuses to run as root, so another user must be able to read these files.
  await chmod(folder, 0o755);
  const { username, password } = new URL(POSTGRES_URL);
  const server = `host=${postgresTarget.host} port=${postgresTarget.port} user=${username}${password && ` password=${password}`}`;
  const port = await freePort();
  await writeFile(join(folder, "users.txt"), `"${USER}" "${PASSWORD}"\n`);
  const lines = [
    "[databases]",
    ...Object.entries(databases).map(([name, other]) => `${name} = ${server} ${other}`),
    "[pgbouncer]",
    `listen_addr = 127.0.0.1\nlisten_port = ${port}\nunix_socket_dir =`,
    `auth_type = md5\nauth_file = ${join(folder, "users.txt")}`,
    "pool_mode = transaction",
    // Fewer server connections than a node opens, so that clients have to share them.
    "default_pool_size = 4",
    ...settings,
  ];
  await writeFile(join(folder, "pgbouncer.ini"), `${lines.join("\n")}\n`);
  let child: ReturnType<typeof spawn> | undefined;
  const kill = () => void child?.kill("SIGKILL");
  process.once("exit", kill);

  async function stop(): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child?.once("exit", resolve));
    // Another signal than SIGTERM, whose meaning depends on PgBouncer's version.
    kill();
    await exited;
  }
  async function start(): Promise<void> {
    const user = process.getuid?.() === 0 ? ["-u", "nobody"] : [];
    child = spawn(PROGRAM as string, ["-q", ...user, join(folder, "pgbouncer.ini")], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    while (!(await listens(port))) {
      if (child.exitCode !== null) throw new Error("PgBouncer did not start.");
      await pause(20);
    }
  }
  await start();
  return {
    url: (database, { user = USER, password: own = PASSWORD } = {}) =>
      `postgres://${user}:${own}@127.0.0.1:${port}/${database}`,
    start,
    stop,
    async remove() {
      await stop();
      process.off("exit", kill);
      await rm(folder, { recursive: true });
    },
  };
}

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });

/** A new database on the test server. Dropping it ends its connections. */
export async function ownDatabase(): Promise<{ name: string; drop(): Promise<void> }> {
  const name = `dataflow_${process.pid}_${Date.now().toString(36)}`;
  await onServer(`CREATE DATABASE ${name}`);
  return { name, drop: () => onServer(`DROP DATABASE ${name} WITH (FORCE)`) };
}
