/** What a soak measures in the servers: tables and connections of PostgreSQL, keys of Redis, queues of RabbitMQ. */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { type ChannelModel, connect } from "amqplib";
import { Redis } from "ioredis";
import pg from "pg";
import { configFor, rabbitUrl } from "../../test/helpers/amqp.ts";
import { redisUrl } from "../kit/needs.ts";
import { cpuOf } from "../kit/node.ts";

/** Tables that retention never empties: the company's table, and the control's. */
const notOurs = "('bench_order', 'soak_control')";

const tablesOf = `SELECT c.relname AS name, pg_total_relation_size(c.oid)::float8 AS bytes
  FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace AND c.relname NOT IN ${notOurs}
  ORDER BY bytes DESC`;

/** The server processes of all connections to the database, except the soak's own connections. */
const backends = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name <> 'soak'";

const overdue = `SELECT count(*)::int AS batches, coalesce(sum(accepted), 0)::float8 AS records
  FROM batch WHERE due_at <= (extract(epoch FROM statement_timestamp()) * 1000)::bigint`;

/**
 * Tables with so many dead rows that autovacuum would vacuum them. Migrations set a similar threshold for the tables of running
 * batches.
 */
const withDeadRows = "SELECT relname AS name FROM pg_stat_user_tables WHERE n_dead_tup > 1000";

/** PostgreSQL's default of `autovacuum_naptime`. */
const VACUUM_MS = 60_000;

export interface Table {
  name: string;
  bytes: number;
  rows: number;
}

export class Servers {
  readonly db: pg.Client;
  readonly #namespace: string;
  readonly #prefix: string;
  readonly #redis = new Redis(redisUrl);
  readonly #rabbit: ChannelModel;
  /** The CPU time of each server process at the last sample, and the sum over all since the begin. */
  #backendCpu = new Map<number, number>();
  #databaseCpu = 0;

  private constructor(db: pg.Client, rabbit: ChannelModel, { NAMESPACE, REDIS_KEY_PREFIX }: Record<string, string>) {
    this.db = db;
    this.#rabbit = rabbit;
    this.#namespace = NAMESPACE as string;
    this.#prefix = REDIS_KEY_PREFIX as string;
  }

  /** `env`: the settings of the cluster's nodes. */
  static async open(databaseUrl: string, env: Record<string, string>): Promise<Servers> {
    const db = await connected(databaseUrl);
    return new Servers(db, await connect(rabbitUrl), env);
  }

  async close(): Promise<void> {
    this.#redis.disconnect();
    await this.#rabbit.close();
    await this.db.end();
  }

  /** All tables of the product, the largest first. */
  async tables(): Promise<Table[]> {
    const { rows: tables } = await this.db.query<{ name: string; bytes: number }>(tablesOf);
    const counts = tables.map(({ name }) => `(SELECT count(*) FROM "${name}")::int`);
    const { rows } = await this.db.query<{ n: number[] }>(`SELECT ARRAY[${counts.join(", ")}] AS n`);
    return tables.map((table, i) => ({ ...table, rows: rows[0]?.n[i] as number }));
  }

  /** The number of deliveries that wait for their first or next attempt. */
  async deliveries(): Promise<number> {
    const text = "SELECT count(*)::int AS n FROM delivery WHERE due_at IS NOT NULL";
    return (await this.db.query<{ n: number }>(text)).rows[0]?.n as number;
  }

  /** The number of batches whose retention is over but that are not deleted yet, and of their records. */
  async overdue(): Promise<{ batches: number; records: number }> {
    const { rows } = await this.db.query<{ batches: number; records: number }>(overdue);
    return rows[0] as (typeof rows)[number];
  }

  /**
   * The number of connections to the database, and the CPU time in ms that their server processes have used so far. The time is
   * null if the server runs on another machine.
   */
  async connections(): Promise<{ open: number; cpu: number | null }> {
    const { rows } = await this.db.query<{ pid: number }>(backends);
    const now = new Map<number, number>();
    for (const { pid } of rows) if (isBackend(pid)) now.set(pid, cpuOf(pid));
    for (const [pid, cpu] of now) this.#databaseCpu += cpu - (this.#backendCpu.get(pid) ?? 0);
    this.#backendCpu = now;
    return { open: rows.length, cpu: now.size === rows.length ? this.#databaseCpu : null };
  }

  async keys(): Promise<number> {
    const found = new Set<string>();
    for await (const keys of this.#redis.scanStream({ match: `${this.#prefix}*`, count: 1_000 }))
      for (const key of keys) found.add(key);
    return found.size;
  }

  /** The number of ready messages in the queue of tokens, in the dead-letter queue, and in the nodes' own queues. */
  async messages(pids: number[]): Promise<{ tokens: number; dead: number; own: number }> {
    const { batchReadyQueue } = configFor(this.#namespace);
    const own = pids.flatMap((pid) =>
      ["EVENT", "REQ", "RES"].map((packet) => `MOL-${this.#namespace}.${packet}.${hostname().toLowerCase()}-${pid}`),
    );
    const counts = await Promise.all(own.map((name) => this.#depth(name)));
    return {
      tokens: await this.#depth(batchReadyQueue),
      dead: await this.#depth(`${batchReadyQueue}.dead`),
      own: counts.reduce((sum, n) => sum + n, 0),
    };
  }

  /**
   * The number of ready messages in a queue, 0 if there is no such queue. A wrong name closes the channel, so each call opens its
   * own.
   */
  async #depth(queue: string): Promise<number> {
    const channel = await this.#rabbit.createChannel();
    channel.on("error", () => {});
    const found = await channel.checkQueue(queue).catch(() => null);
    if (found === null) return 0;
    await channel.close();
    return found.messageCount;
  }
}

async function connected(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString, application_name: "soak" });
  // On Ctrl-C the clean-up drops the database while this connection is open. Without a listener the connection's error would end
  // the process in the middle of the clean-up.
  client.on("error", () => {});
  await client.connect();
  return client;
}

/**
 * Vacuums each minute if the server has autovacuum off, as test servers have. Otherwise all tables would grow. Answers whether
 * the soak has to vacuum, and a function that stops it.
 */
export async function startVacuum(databaseUrl: string): Promise<{ isOurs: boolean; stop(): Promise<void> }> {
  const db = await connected(databaseUrl);
  const { rows } = await db.query<{ autovacuum: string }>("SHOW autovacuum");
  const isOurs = rows[0]?.autovacuum === "off";
  const over = new AbortController();
  const vacuum = async () => {
    while (isOurs && !over.signal.aborted) {
      const { rows: tables } = await db.query<{ name: string }>(withDeadRows);
      for (const { name } of tables) await db.query(`VACUUM (ANALYZE) "${name}"`);
      await pause(VACUUM_MS, undefined, { signal: over.signal }).catch(() => {});
    }
  };
  const running = vacuum();
  return {
    isOurs,
    async stop() {
      over.abort();
      await running;
      await db.end();
    },
  };
}

/** Whether the process with this id runs on this machine and belongs to PostgreSQL. */
function isBackend(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("postgres");
  } catch {
    return false;
  }
}
