/**
 * PostgreSQL behind PgBouncer in transaction mode, where another server process may carry out the next statement of a connection.
 */
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import type { Database } from "../../../database/database.ts";
import { DatabaseUnavailable } from "../../../database/errors.ts";
import { keptDatabase, migrated } from "../../helpers/database.ts";
import { accepted, batchWhen, newClient } from "../../helpers/http.ts";
import { describePgBouncer, ownDatabase, type PgBouncer, startPgBouncer } from "../../helpers/pgbouncer.ts";
import { killLeftOvers, launch, startsInVain } from "../../helpers/process.ts";
import { startSystem } from "../../helpers/system.ts";
import { storeConformance } from "../store/conformance.ts";
import { newBatch, ready } from "../store/drafts.ts";
import { groupSuite } from "../store/group.suite.ts";
import { lockSuite } from "../store/locks.suite.ts";
import { modelSuite } from "../store/models.suite.ts";
import { retentionSuite } from "../store/retention.suite.ts";
import { uploadSuite } from "../store/uploads.suite.ts";
import { deliver, ordersPlan, rowsOf, run } from "../targets/delivery.kit.ts";
import { opened } from "./kit.ts";

afterAll(killLeftOvers);

describePgBouncer("the store behind PgBouncer", () => {
  const { open, end } = keptDatabase(async () => {
    const { name, drop } = await ownDatabase();
    const bouncer = await startPgBouncer({ [name]: "" });
    const { remove, ...database } = await migrated({ url: bouncer.url(name), drop: async () => {} });
    return {
      ...database,
      async remove() {
        await remove();
        await bouncer.remove();
        await drop();
      },
    };
  });
  // The statements are those of a direct connection, but without the names by which they are prepared. So only these can differ:
  // work of several statements, statements with a new text each time, and statements of Sequelize. These suites run here.
  storeConformance("postgres behind PgBouncer", open, [uploadSuite, groupSuite, retentionSuite, lockSuite, modelSuite]);

  test("rows of a table, at once and one by one", async () => {
    const { db, remove } = await open();
    await run(
      db,
      "CREATE TABLE orders (no int PRIMARY KEY, customer int CHECK (customer < 9), amount numeric, city text, email text)",
    );
    // Several deliveries at once, so that they use different server connections.
    const deliveries = Array.from({ length: 6 }, (_, i) =>
      deliver(db, ordersPlan(), [{ no: i }, { no: i + 6, customer: i % 2 ? 9 : 1 }]),
    );
    const counts = (await Promise.all(deliveries)).map((one) => [one.counts.accepted, one.counts.rejected]);
    expect(counts).toEqual([2, 1, 2, 1, 2, 1].map((accepted) => [accepted, 2 - accepted]));
    expect(await rowsOf(db)).toHaveLength(9);
    await run(db, "DROP TABLE orders");
    await remove();
  });
  afterAll(end);
});

describePgBouncer("PgBouncer", () => {
  let own: Awaited<ReturnType<typeof ownDatabase>>;
  let bouncer: PgBouncer;
  beforeAll(async () => {
    own = await ownDatabase();
    const databases = {
      [own.name]: "",
      away: "port=1",
      missing: "dbname=nothing-of-ours",
      stranger: "user=nobody-of-ours",
    };
    bouncer = await startPgBouncer(databases, ["server_login_retry = 1", "query_wait_timeout = 3"]);
    const db = await opened(bouncer.url(own.name));
    await db.migrate();
    await db.close();
  });
  afterEach(() => jest.restoreAllMocks());
  afterAll(async () => {
    await bouncer.remove();
    await own.drop();
  });

  test("batches run behind PgBouncer, and no connection prepares or sets anything", async () => {
    const asked = jest.spyOn(pg.Client.prototype, "query");
    const system = await startSystem({ env: { DATABASE_URL: bouncer.url(own.name) } });
    const client = await newClient(system.url, { uniqueKey: "id", dedup: "reject" });
    const { id } = await accepted(system.url, client, '{"id":1}\n{"id":2}\n{"id":1}\n');
    expect(await batchWhen(system.url, client, id)).toMatchObject({ counts: { accepted: 2, duplicate: 1 } });
    await system.stop();
    const texts = asked.mock.calls.map(([query]) => query as unknown as string | { name?: string; text: string });
    expect(texts.filter((query) => typeof query === "object" && query.name !== undefined)).toEqual([]);
    const session = /^\s*(SET (?!LOCAL)|LISTEN|PREPARE|DECLARE)|\bTEMP\b|pg_advisory_lock/i;
    expect(
      texts.map((query) => (typeof query === "string" ? query : query.text)).filter((text) => session.test(text)),
    ).toEqual([]);
  });

  test("a direct connection prepares statements; one behind a pooler does not", async () => {
    const db = await opened(bouncer.url(own.name));
    const { publicId } = await ready(db.store, 1);
    const query = pg.Client.prototype.query as (...all: unknown[]) => Promise<unknown>;
    let told = 0;
    jest.spyOn(pg.Client.prototype, "query").mockImplementation(function (this: pg.Client, ...args: unknown[]) {
      if (told++ > 0) return query.apply(this, args);
      return Promise.reject(Object.assign(new Error("prepared statement does not exist"), { code: "26000" }));
    } as never);
    expect(await db.store.batch(publicId, 1)).toMatchObject({ publicId });
    expect(told).toBe(2);
    jest.restoreAllMocks();
    await db.close();
  });

  const cases: [string, () => string, RegExp][] = [
    [
      "a database that it does not know",
      () => bouncer.url("nowhere"),
      /a database that exists, at .*; found none of that name/,
    ],
    ["a database that the server does not know", () => bouncer.url("missing"), /a database that exists/],
    [
      "a user whom it does not know",
      () => bouncer.url(own.name, { user: "x" }),
      /a user and password that the server accepts/,
    ],
    [
      "a wrong password",
      () => bouncer.url(own.name, { password: "hunter2" }),
      /a user and password that the server accepts/,
    ],
    [
      "a user whom the server does not know",
      () => bouncer.url("stranger"),
      /a user and password that the server accepts/,
    ],
    [
      "a parameter that it does not take",
      () => `${bouncer.url(own.name)}?options=-c%20search_path%3Dx`,
      /parameters after the \? that the server takes, at .*; found one that it refuses \(options\)/,
    ],
  ];

  test("an error of PgBouncer that waiting cannot fix ends the start", async () => {
    // A node ends with one of the errors. `migrate`, which takes half of the time, shows all others.
    const ends = await Promise.all(
      cases.map(([, url], i) => startsInVain({ DATABASE_URL: url() }, i === 0 ? "start" : "migrate")),
    );
    for (const [i, [name, , told]] of cases.entries()) {
      const { code, logs } = ends[i] as (typeof ends)[number];
      const named = logs.split("\n").filter((line) => line.includes("DATABASE_URL"));
      expect([name, code, named]).toEqual([name, 1, [expect.stringMatching(told)]]);
      expect(logs).not.toMatch(/hunter2|\n {4}at /);
    }
  });

  test("the start waits for a PostgreSQL that is away behind PgBouncer", async () => {
    const started = launch({ DATABASE_URL: bouncer.url("away") });
    await new Promise<void>((resolve) => {
      const look = () => /The start waits for the database/.test(started.logs()) && resolve();
      started.listeners.add(look);
      look();
    });
    started.child.kill("SIGTERM");
    expect((await started.exited) as unknown).toBeDefined();
  });

  test("while PgBouncer is away the database counts as away, and is used again afterwards", async () => {
    const db: Database = await opened(bouncer.url(own.name));
    const { publicId } = newBatch(1);
    expect(await db.store.batch(publicId, 1)).toBeNull();
    await bouncer.stop();
    await expect(db.store.batch(publicId, 1)).rejects.toBeInstanceOf(DatabaseUnavailable);
    await expect(db.models.Client.findAll()).rejects.toThrow();
    await bouncer.start();
    expect(await db.store.batch(publicId, 1)).toBeNull();
    expect(await db.models.Client.findAll()).toBeDefined();
    await db.close();
  });

  test("a client without a free pool connection waits, then the database counts as away", async () => {
    const crowded = await startPgBouncer({ [own.name]: "" }, ["max_client_conn = 2"]);
    try {
      const others = [await connected(crowded), await connected(crowded)];
      await expect(opened(crowded.url(own.name))).rejects.toBeInstanceOf(DatabaseUnavailable);
      const opening = opened(crowded.url(own.name));
      await Promise.all(others.map((other) => other.end()));
      await (await opening).close();
    } finally {
      await crowded.remove();
    }
  });

  /** Opens a connection. PgBouncer may count an earlier one for a moment, so it tries again. */
  async function connected(crowded: PgBouncer): Promise<pg.Client> {
    for (;;) {
      const client = new pg.Client(crowded.url(own.name));
      try {
        await client.connect();
        return client;
      } catch (error) {
        if (!/^no more connections/.test((error as Error).message)) throw error;
        await pause(20);
      }
    }
  }
});
