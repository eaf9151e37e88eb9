/** What a node asks of PostgreSQL beside its statements: the number of connections, timeouts, and types. */
import pg from "pg";
import { type Database, openDatabase } from "../../../database/database.ts";
import { isOutcomeUnknown } from "../../../database/errors.ts";
import { isUnavailable } from "../../../database/unavailable.ts";
import { describePostgres, freshPostgres, type TestDatabase } from "../../helpers/database.ts";
import { until } from "../../helpers/patience.ts";
import { startSystem } from "../../helpers/system.ts";
import { databaseOf } from "../batch/kit.ts";
import { ready } from "../store/drafts.ts";

let at: TestDatabase;

describePostgres("limits", () => {
  beforeEach(async () => {
    at = await freshPostgres();
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await at.remove();
  });

  async function connected(): Promise<pg.Client> {
    const client = new pg.Client(at.url);
    await client.connect();
    return client;
  }

  /** How many connections many simultaneous reads use, while none of them can end. */
  async function connectionsOf({ store }: Database, expected: number): Promise<number> {
    const used = new Set<unknown>();
    const query = pg.Client.prototype.query as (...all: unknown[]) => unknown;
    const spy = jest.spyOn(pg.Client.prototype, "query").mockImplementation(function (
      this: unknown,
      ...args: unknown[]
    ) {
      // Statements of the models and of this test are plain texts, and do not count.
      if (typeof args[0] === "object") used.add(this);
      return query.apply(this, args);
    } as never);
    const locking = await connected();
    await locking.query("BEGIN; LOCK TABLE batch");
    const reads = Array.from({ length: 60 }, () => store.list({ limit: 1 }));
    await until(() => used.size >= expected);
    // Opens one more connection after all others.
    await (await connected()).end();
    await locking.end();
    await Promise.all(reads);
    spy.mockRestore();
    return used.size;
  }

  test("a database has as many connections as it was opened with", async () => {
    const db = await openDatabase({ url: at.url, connections: 3 });
    expect(await connectionsOf(db, 3)).toBe(3);
    await db.close();
  });

  test.each([
    [{ WORKER_CONCURRENCY: "2" }, 6],
    [{ WORKER_CONCURRENCY: "20", DATABASE_POOL: "5" }, 5],
  ])("a node with %j opens %i connections", async (env, expected) => {
    const services = ["batch", "clientCache", "outbox", "policy", "rateLimiter"];
    const system = await startSystem({ services, env: { DATABASE_URL: at.url, ...env } });
    expect(await connectionsOf(databaseOf(system), expected)).toBe(expected);
    await system.stop();
  });

  test("a statement that takes too long is ended by the server, writes nothing, and is sent once", async () => {
    const { store, sequelize } = at.db;
    await sequelize.query(`CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_sleep(30); RETURN NEW; END $$`);
    await sequelize.query("CREATE TRIGGER slowly BEFORE INSERT ON batch FOR EACH ROW EXECUTE FUNCTION slowly()");
    const sent = jest.spyOn(pg.Client.prototype, "query");
    const error = await ready(store, 1).catch((thrown: unknown) => thrown);
    expect([isUnavailable(error), isOutcomeUnknown(error)]).toEqual([true, false]);
    expect(sent).toHaveBeenCalledTimes(1);
    await sequelize.query("DROP TRIGGER slowly ON batch");
    expect((await store.stats()).states).toEqual({});
  });

  test("our parsing of numbers does not change pg for others in the process", async () => {
    const batch = await ready(at.db.store, 1);
    expect(typeof batch.id).toBe("number");
    const [rows] = await at.db.sequelize.query("SELECT 1::bigint AS n, ARRAY['a'] AS list");
    expect(rows).toEqual([{ n: 1, list: ["a"] }]);
    const client = await connected();
    expect((await client.query("SELECT 1::bigint AS n")).rows).toEqual([{ n: "1" }]);
    await client.end();
  });
});
