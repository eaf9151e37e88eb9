/** Two api nodes and two workers as processes. Each keeps its address over restarts, and each server is behind a proxy. */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { root } from "../../root.cjs";
import { newNamespace, rabbitTarget, rabbitUrlAt, removeNamespace } from "../helpers/amqp.ts";
import { POSTGRES_URL, postgresTarget, postgresUrlAt } from "../helpers/database.ts";
import { until } from "../helpers/patience.ts";
import { freePort } from "../helpers/port.ts";
import { killLeftOvers, launch, migratedHere } from "../helpers/process.ts";
import { startProxy, type TcpProxy } from "../helpers/proxy.ts";
import { freshPrefix, looker, redisTarget } from "../helpers/redis.ts";

const HEARTBEAT_S = 2;
const WHOLE_MS = 40_000;

export class Member {
  readonly name: string;
  readonly role: "api" | "worker";
  readonly port: number;
  private readonly env: Record<string, string>;
  private readonly log: string;
  private node: ReturnType<typeof launch> | null = null;

  constructor(name: string, role: "api" | "worker", port: number, env: Record<string, string>, folder: string) {
    this.name = name;
    this.role = role;
    this.port = port;
    this.env = { ...env, [role === "api" ? "PORT" : "METRICS_PORT"]: String(port) };
    this.log = join(folder, `${name}.log`);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts the process. `env`: settings for this start only. */
  start(env: Record<string, string> = {}): void {
    this.node = launch({ ...this.env, ...env }, `start:${this.role}`);
    for (const output of [this.node.child.stdout, this.node.child.stderr])
      output.on("data", (data: Buffer) => appendFileSync(this.log, data));
  }

  async end(signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    this.node?.child.kill(signal);
    await this.node?.exited;
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.node?.child.kill(signal);
  }

  async isWhole(): Promise<boolean> {
    const health = await fetch(`${this.url}/health/ready`).then(
      (answer) => answer.json() as Promise<{ status: string }>,
      () => null,
    );
    return health?.status === "ok";
  }

  /** Whether the worker is working on a batch. */
  async isAtWork(): Promise<boolean> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    return /^dataflow_worker_slots\{state="busy"\} [1-9]/m.test(text);
  }

  /** What the process has logged since its last start. */
  readonly logs = (): string => this.node?.logs() ?? "";

  async untilWhole(): Promise<void> {
    await until(() => this.isWhole(), `${this.name} to be whole`, WHOLE_MS);
  }
}

export class Cluster {
  readonly members: Member[] = [];
  readonly folder: string;
  /** The proxy of each server. `postgres` is DataFlow's database, `crm` one of `TABLE_DATABASES`. */
  links!: Record<"redis" | "rabbit" | "postgres" | "crm", TcpProxy>;
  private readonly namespace = newNamespace();
  private readonly prefix = freshPrefix();
  private readonly database: string;
  private readonly settings: Record<string, string>;
  private client!: pg.Client;

  constructor(folder: string, database: string, settings: Record<string, string>) {
    this.folder = folder;
    this.database = database;
    this.settings = settings;
  }

  async open(): Promise<void> {
    await onServer(`DROP DATABASE IF EXISTS ${this.database} WITH (FORCE)`);
    await onServer(`CREATE DATABASE ${this.database}`);
    const url = POSTGRES_URL.replace(/\/\w+$/, `/${this.database}`);
    const { code, logs } = await migratedHere({ DATABASE_URL: url });
    if (code !== 0) throw new Error(logs);
    this.client = new pg.Client(url);
    await this.client.connect();
    const targets = [redisTarget, rabbitTarget, postgresTarget, postgresTarget];
    const [redis, rabbit, postgres, crm] = await Promise.all(targets.map((to) => startProxy(to)));
    this.links = { redis, rabbit, postgres, crm } as Cluster["links"];
    const env = {
      NAMESPACE: this.namespace,
      REDIS_KEY_PREFIX: this.prefix,
      DATABASE_URL: postgresUrlAt(url, this.links.postgres.port),
      TABLE_DATABASES: `crm=${postgresUrlAt(url, this.links.crm.port)}`,
      REDIS_URL: `redis://127.0.0.1:${this.links.redis.port}`,
      AMQP_URL: rabbitUrlAt(this.links.rabbit.port, HEARTBEAT_S),
      HANDLERS_DIR: join(root, "test/alerts/handlers"),
      ...this.settings,
    };
    for (const name of ["api-1", "api-2", "worker-1", "worker-2"]) {
      const role = name.startsWith("api") ? "api" : "worker";
      this.members.push(new Member(name, role, await freePort(), env, this.folder));
    }
    for (const member of this.members) member.start();
    await this.untilWhole();
  }

  of(role: Member["role"]): Member[] {
    return this.members.filter((member) => member.role === role);
  }

  get apiUrl(): string {
    return (this.members[0] as Member).url;
  }

  async untilWhole(): Promise<void> {
    for (const member of this.members) await member.untilWhole();
  }

  /** Runs SQL over a connection of the test's own, which no fault cuts. */
  async sql<T extends object>(text: string): Promise<T[]> {
    return (await this.client.query(text)).rows as T[];
  }

  async close(): Promise<void> {
    killLeftOvers();
    await Promise.all(Object.values(this.links ?? {}).map((link) => link.close()));
    await this.client?.end();
    await onServer(`DROP DATABASE IF EXISTS ${this.database} WITH (FORCE)`);
    await looker(this.prefix).end();
    await removeNamespace(this.namespace);
  }
}

async function onServer(text: string): Promise<void> {
  const client = new pg.Client(POSTGRES_URL);
  await client.connect();
  await client.query(text);
  await client.end();
}
