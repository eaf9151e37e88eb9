/**
 * A place in the cluster: a node that is started again after each end, with its own links to the servers, which a test can cut.
 */
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

/** RabbitMQ's heartbeat in seconds. After two of them without a byte a link counts as dead. */
const HEARTBEAT = 2;

/** The longest stop: SHUTDOWN_TIMEOUT with its default, and one or two seconds in which the last connections close. */
const STOPPED_MS = 12_000;

interface Life {
  node: ReturnType<typeof launch>;
  /**
   * The name that Moleculer gives the node. It contains the process id; the start commands use `exec`, so the child's id is the
   * node's.
   */
  nodeId: string;
  /** Whether a signal has told it to end. */
  isEnding: boolean;
}

/** The unexpected end of a node. */
export interface Death extends Exit {
  nodeId: string;
}

interface PlaceOptions {
  name: string;
  role: Role;
  /** The folder for the logs of all starts. */
  folder: string;
  /** Called after the node was started or has ended. */
  changed(): void;
}

export class Place {
  readonly name: string;
  readonly role: Role;
  readonly links: Record<Server, TcpProxy>;
  /** All starts of the node. The last one is the present process. */
  readonly lives: Life[] = [];
  readonly deaths: Death[] = [];
  /** Whether some of its links are out of order. */
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

  /** Starts the node again. When it becomes ready depends on its links. */
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

  /** The URL of its HTTP server. Null if it has not logged the URL yet, or has ended. */
  get url(): string | null {
    if (this.life.isEnding) return null;
    const said =
      this.role === "api" ? /DataFlow listens on (http:[^"\s]+)/ : /Health and metrics are on (http:[^"\s]+)/;
    return said.exec(this.life.node.logs())?.[1] ?? null;
  }

  /** The URL of a node that is ready. */
  get at(): string {
    if (!this.url) throw new Error(`${this.name} has no URL.`);
    return this.url;
  }

  /** Ends the process, and waits for its end. */
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

  /** Freezes the process, as a long garbage collection or a machine that sleeps does. */
  pause(): void {
    this.life.node.child.kill("SIGSTOP");
  }
  wake(): void {
    this.life.node.child.kill("SIGCONT");
  }

  /** Whether its services have started. */
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
