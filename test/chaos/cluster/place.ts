/** A place in the cluster: a node that comes back there after each end, and its own links to the servers, which can be cut. */
import { appendFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { inTime } from "../../../lib/time-limit.ts";
import { rabbitTarget, rabbitUrlAt } from "../../helpers/amqp.ts";
import { postgresTarget, postgresUrlAt } from "../../helpers/database.ts";
import { type Exit, launch } from "../../helpers/process.ts";
import { startProxy, type TcpProxy } from "../../helpers/proxy.ts";
import { redisTarget } from "../../helpers/redis.ts";

export const servers = ["redis", "rabbit", "postgres"] as const;
export type Server = (typeof servers)[number];
export type Role = "api" | "worker";

/** Without a byte for two of these (seconds) a link to RabbitMQ is taken for dead. */
const HEARTBEAT = 2;

/** SHUTDOWN_TIMEOUT here, its default, and the second or two that the last connections may take beyond. */
const STOPPED_MS = 12_000;

interface Life {
  node: ReturnType<typeof launch>;
  /** As Moleculer names it; the commands `exec`, so the process is the one that was started. */
  nodeId: string;
  /** It was sent a signal to end. */
  isEnding: boolean;
}

/** How a node ended that nobody told to. */
export interface Death extends Exit {
  nodeId: string;
}

interface PlaceOptions {
  name: string;
  role: Role;
  /** Where each life's log is written as it comes. */
  folder: string;
  /** A life has begun or ended. */
  changed(): void;
}

export class Place {
  readonly name: string;
  readonly role: Role;
  readonly links: Record<Server, TcpProxy>;
  /** All that ever lived here, the last of them now. */
  readonly lives: Life[] = [];
  readonly deaths: Death[] = [];
  /** Some of its links are out of order. */
  isAiling = false;
  private readonly env: Record<string, string>;

  private readonly options: PlaceOptions;

  private constructor(options: PlaceOptions, links: Record<Server, TcpProxy>, env: Record<string, string>) {
    this.options = options;
    this.name = options.name;
    this.role = options.role;
    this.links = links;
    this.env = env;
  }

  static async open(options: PlaceOptions, databaseUrl: string, env: Record<string, string>): Promise<Place> {
    const [redis, rabbit, postgres] = await Promise.all(
      [redisTarget, rabbitTarget, postgresTarget].map((to) => startProxy(to)),
    );
    const links = { redis, rabbit, postgres } as Place["links"];
    return new Place(options, links, {
      METRICS_PORT: "0",
      ...env,
      REDIS_URL: `redis://127.0.0.1:${links.redis.port}`,
      AMQP_URL: rabbitUrlAt(links.rabbit.port, HEARTBEAT),
      DATABASE_URL: postgresUrlAt(databaseUrl, links.postgres.port),
    });
  }

  /** The next life begins; whether and when it gets ready depends on its links. */
  start(): void {
    const node = launch(this.env, `start:${this.role}`);
    const life: Life = { node, nodeId: `${hostname().toLowerCase()}-${node.child.pid}`, isEnding: false };
    this.lives.push(life);
    const { folder, changed } = this.options;
    const log = join(folder, `${this.name}.${life.nodeId}.log`);
    for (const output of [node.child.stdout, node.child.stderr])
      output.on("data", (data: Buffer) => appendFileSync(log, data));
    changed();
    void node.exited.then((exit) => {
      changed();
      if (!life.isEnding) this.deaths.push({ ...exit, nodeId: life.nodeId });
    });
  }

  get life(): Life {
    return this.lives.at(-1) as Life;
  }

  /** Where it answers HTTP; null: it has not said yet, or not any more. */
  get url(): string | null {
    if (this.life.isEnding) return null;
    const said =
      this.role === "api" ? /DataFlow listens on (http:[^"\s]+)/ : /Health and metrics are on (http:[^"\s]+)/;
    return said.exec(this.life.node.logs())?.[1] ?? null;
  }

  /** Of a node that is whole. */
  get at(): string {
    if (!this.url) throw new Error(`${this.name} has no URL.`);
    return this.url;
  }

  /** Ends this life, and waits for it. */
  async end(signal: "SIGKILL" | "SIGTERM"): Promise<Exit> {
    const { life } = this;
    const sentAt = performance.now();
    life.isEnding = true;
    life.node.child.kill(signal);
    const exit = await inTime(STOPPED_MS, life.node.exited).catch(() => {
      throw new Error(`${this.name} (${life.nodeId}) does not end on ${signal}.`);
    });
    return { ...exit, ms: performance.now() - sentAt };
  }

  /** The process stands still, as in a long garbage collection or a machine that sleeps. */
  pause(): void {
    this.life.node.child.kill("SIGSTOP");
  }
  wake(): void {
    this.life.node.child.kill("SIGCONT");
  }

  /** Its services have started. */
  get isUp(): boolean {
    return /ServiceBroker with \d+ service\(s\) started/.test(this.life.node.logs());
  }

  async isWhole(): Promise<boolean> {
    const health = await fetch(`${this.url}/health/ready`).then(
      (response) => response.json(),
      () => null,
    );
    return (health as { status: string } | null)?.status === "ok";
  }

  async close(): Promise<void> {
    for (const link of Object.values(this.links)) {
      link.thaw();
      await link.close();
    }
  }
}
