/** A PgBouncer of a test's own before the PostgreSQL for tests, in transaction mode, on a free port. */
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

/** Whether there is one. If not, that is said aloud for `name`, also with CI=true. */
export const describePgBouncer = (name: string, suite: () => void): void => {
  const lacks = [PROGRAM ? null : "PgBouncer (Debian: apt-get install pgbouncer)", lackOf("postgres")];
  (canRun(name, lacks, { ...process.env, CI: "" }) ? describe : describe.skip)(name, suite);
};

export interface PgBouncer {
  /** Of a database that it knows; `login`: as another, or with another password. */
  url(database: string, login?: { user?: string; password?: string }): string;
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Stops it for good. */
  remove(): Promise<void>;
}

/** `databases`: what stands after the name of each, beside the server for tests. */
export async function startPgBouncer(databases: Record<string, string>, settings: string[] = []): Promise<PgBouncer> {
  const folder = await mkdtemp(join(tmpdir(), "dataflow-pgbouncer-"));
  // It does not run as root, and has to read these as somebody else.
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
    // Fewer than a node opens, so that nobody has one for long.
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
    // What SIGTERM means depends on its version.
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

/** A database of its own on the server for tests; its connections are ended when it is dropped. */
export async function ownDatabase(): Promise<{ name: string; drop(): Promise<void> }> {
  const name = `dataflow_${process.pid}_${Date.now().toString(36)}`;
  await onServer(`CREATE DATABASE ${name}`);
  return { name, drop: () => onServer(`DROP DATABASE ${name} WITH (FORCE)`) };
}
