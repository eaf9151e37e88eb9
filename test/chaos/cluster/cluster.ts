/** A cluster of real processes on a fresh schema. A test can disturb the links of each node separately. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Database, openDatabase } from "../../../database/database.ts";
import { root } from "../../../root.cjs";
import { describeWithRabbit, newNamespace, removeNamespace } from "../../helpers/amqp.ts";
import { describePostgres, migratedPostgres, type Schema } from "../../helpers/database.ts";
import { until } from "../../helpers/patience.ts";
import { killLeftOvers } from "../../helpers/process.ts";
import { describeRedis, freshPrefix, looker } from "../../helpers/redis.ts";
import type { Left } from "./keeper.ts";
import { Place, type Role } from "./place.ts";

export const everyServer = (name: string, suite: () => void): void =>
  describePostgres(name, () => describeRedis("with Redis", () => describeWithRabbit("and RabbitMQ", suite)));

/** How long a node may take to be ready after its links work again. */
const WHOLE_MS = 30_000;

export class Cluster {
  readonly namespace = newNamespace();
  readonly places: Place[] = [];
  private readonly prefix = freshPrefix();
  private readonly roles: Role[];
  private readonly settings: Record<string, string>;
  private schema: Schema | null = null;
  private db: Database | null = null;
  private keeper: ChildProcess | null = null;
  /** The folder of the nodes' logs. It is removed with the cluster, unless the test keeps it. */
  folder = "";
  isKept = false;

  constructor(roles: Role[], settings: Record<string, string>) {
    this.roles = roles;
    this.settings = settings;
  }

  /** Starts the cluster. Resolves when every node is ready. */
  async open(): Promise<void> {
    this.schema = await migratedPostgres();
    const { url } = this.schema;
    this.folder = mkdtempSync(join(tmpdir(), "dataflow-chaos-"));
    const keeper = join(root, "test/chaos/cluster/keeper.ts");
    this.keeper = spawn(process.execPath, [keeper], { stdio: ["pipe", "ignore", "inherit"], detached: true });
    const env = { NAMESPACE: this.namespace, REDIS_KEY_PREFIX: this.prefix, ...this.settings };
    this.db = await openDatabase({ url });
    for (const role of this.roles) this.places.push(await this.newPlace(role, url, env));
    for (const place of this.places) place.start();
    await this.untilWhole();
  }

  private newPlace(role: Role, databaseUrl: string, env: Record<string, string>): Promise<Place> {
    const name = `${role}-${this.of(role).length + 1}`;
    const changed = () => this.tellKeeper(databaseUrl);
    return Place.open({ name, role, folder: this.folder, changed }, databaseUrl, env);
  }

  private tellKeeper(databaseUrl: string): void {
    const lives = this.places.flatMap((place) => place.lives);
    const alive = lives.filter(({ node }) => node.child.exitCode === null && node.child.signalCode === null);
    const { namespace, prefix, folder } = this;
    const left: Left = {
      pids: alive.map(({ node }) => node.child.pid as number),
      nodeIds: lives.map(({ nodeId }) => nodeId),
      namespace,
      prefix,
      databaseUrl,
      folder,
    };
    this.keeper?.stdin?.write(`${JSON.stringify(left)}\n`);
  }

  async close(): Promise<void> {
    killLeftOvers();
    await Promise.all(this.places.map((place) => place.close()));
    await this.db?.close();
    await this.schema?.drop();
    await looker(this.prefix).end();
    const nodeIds = this.places.flatMap(({ lives }) => lives.map(({ nodeId }) => nodeId));
    await removeNamespace(this.namespace, nodeIds);
    this.keeper?.stdin?.end("null\n");
    if (this.keeper) await once(this.keeper, "exit");
    if (!this.isKept) rmSync(this.folder, { recursive: true, force: true });
  }

  of(role: Role): Place[] {
    return this.places.filter((place) => place.role === role);
  }

  async untilWhole(): Promise<void> {
    for (const place of this.places)
      await until(() => place.url !== null && place.isWhole(), `${place.name} to be whole`, WHOLE_MS);
  }

  /** Reads the database over a link that no fault disturbs. */
  readonly select = async <T>(sql: string): Promise<T[]> => {
    const { sequelize } = this.db as Database;
    return (await sequelize.query(sql))[0] as T[];
  };

  /** Reads a batch from the store, as the nodes do. */
  readonly batch = (id: string) => (this.db as Database).store.batch(id, null);

  /** Locks a table, so that every insert into it waits until the returned function is called. */
  async hold(table: string): Promise<() => Promise<void>> {
    const { sequelize } = this.db as Database;
    const transaction = await sequelize.transaction();
    // On a busy machine this transaction is idle for longer than the server's timeout allows.
    await sequelize.query("SET LOCAL idle_in_transaction_session_timeout = 0", { transaction });
    await sequelize.query(`LOCK TABLE ${table} IN SHARE MODE`, { transaction });
    return () => transaction.commit();
  }

  /** Runs a query that answers one boolean. */
  async isTrue(sql: string): Promise<boolean> {
    const [row] = await this.select<object>(sql);
    return Object.values(row as object)[0] === true;
  }
}
