/** A migration step that would lock a large table runs outside of a transaction. After an interruption it continues. */
import pg from "pg";
import type { Dialect } from "../../../database/dialect.ts";
import { makeIndex } from "../../../database/dialects/postgres/backfill.ts";
import { openPostgres } from "../../../database/dialects/postgres/open.ts";
import { backfillStep, indexStep, type Migration } from "../../../database/migrations/ddl.ts";
import { migrate, migrations, pending } from "../../../database/migrations/migrate.ts";
import { namesIn, plain } from "../../../database/schema/names.ts";
import { describePostgres, freshSchema, type Schema } from "../../helpers/database.ts";
import { until } from "../../helpers/patience.ts";

const NAME = "record_key_chunk_ix";
const index = indexStep("9001-index", { name: NAME, table: "record_key", columns: ["batch_id", "chunk_no"] });
const after: Migration = {
  name: "9002-after",
  up: async ({ query }) => void (await query('CREATE TABLE "after_it" ("n" INTEGER)')),
};
const steps = [...migrations, index, after];

const KEY = "INSERT INTO record_key (client_id, key_hash, batch_id, chunk_no) VALUES ($1, '', 1, 1)";

describePostgres("a migration step outside of the transaction", () => {
  let schema: Schema;
  let dialect: Dialect;
  let writer: pg.Client;
  beforeEach(async () => {
    schema = await freshSchema();
    dialect = await openPostgres({ url: schema.url, connections: 2 }, plain);
    writer = new pg.Client(schema.url);
    await writer.connect();
  });
  afterEach(async () => {
    await writer.end();
    await dialect.close();
    await schema.drop();
  });

  const rows = async <T>(sql: string) => (await dialect.sequelize.query(sql))[0] as T[];
  const isValid = async () => {
    const [found] = await rows<{ indisvalid: boolean }>(
      `SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('${NAME}')`,
    );
    return found?.indisvalid ?? null;
  };
  /** The server process that builds the index, once it waits for an open transaction. */
  async function maker(): Promise<number> {
    let pid: number | undefined;
    await until(async () => {
      const [found] = await rows<{ pid: number }>(`SELECT pid FROM pg_stat_activity
        WHERE query LIKE 'CREATE INDEX CONCURRENTLY "${NAME}"%' AND wait_event_type = 'Lock'
          AND pid IN (SELECT pid FROM pg_locks WHERE relation = 'record_key'::regclass)`);
      pid = found?.pid;
      return pid !== undefined;
    }, "an index that is being made");
    return pid as number;
  }

  test("runs in its place among the other steps", async () => {
    expect(await migrate(dialect, steps)).toEqual(steps.map(({ name }) => name));
    expect(await isValid()).toBe(true);
    expect(await migrate(dialect, steps)).toEqual([]);
  });

  test("blocks no writer, and a half-built index of a crash is built anew", async () => {
    await migrate(dialect);
    await writer.query("BEGIN");
    await writer.query(KEY, [1]);
    const broken = migrate(dialect, steps);
    const ends = expect(broken).rejects.toThrow();
    const pid = await maker();
    // Other programs write while the index is built.
    await rows(KEY.replace("$1", "2"));
    expect(await isValid()).toBe(false);
    await rows(`SELECT pg_terminate_backend(${pid})`);
    await ends;
    expect(await pending(dialect, steps)).toEqual(["9001-index", "9002-after"]);
    expect(await isValid()).toBe(false);

    const again = migrate(dialect, steps);
    await writer.query("COMMIT");
    expect(await again).toEqual(["9001-index", "9002-after"]);
    expect(await isValid()).toBe(true);
    expect(await rows("SELECT client_id::int AS client_id FROM record_key ORDER BY client_id")).toEqual([
      { client_id: 1 },
      { client_id: 2 },
    ]);
  });

  test("logs which session a new index waits for, without its query", async () => {
    await migrate(dialect);
    await writer.query("SET application_name = 'a \"psql\"'");
    await writer.query("BEGIN");
    const [own] = (await writer.query<{ pid: number }>("SELECT pg_backend_pid() AS pid")).rows;
    await writer.query(KEY, [1]);
    const told: string[] = [];
    const logger = { warn: (line: unknown) => void told.push(String(line)) };
    const { migrations: apart, sequelize, names } = dialect;
    const made = { name: NAME, table: "record_key", columns: ["batch_id", "chunk_no"] };
    const making = makeIndex(apart, made, names, { sequelize, logger, everyMs: 20 });
    await until(async () => told.length > 1, "a line about the wait");
    await writer.query("COMMIT");
    await making;
    const session = `session ${own?.pid} (application_name "a \\"psql\\"", open since 2`;
    expect(told[0]).toContain(`The index ${NAME} waits for the transaction of ${session}`);
    expect(told.join()).not.toContain("INSERT");
    expect(await isValid()).toBe(true);
  });

  test("does not run twice if the process died before it was recorded", async () => {
    await migrate(dialect);
    await rows(`CREATE INDEX ${NAME} ON record_key (batch_id, chunk_no)`);
    const [before] = await rows(`SELECT '${NAME}'::regclass::oid AS oid`);
    expect(await migrate(dialect, steps)).toEqual(["9001-index", "9002-after"]);
    expect(await rows(`SELECT '${NAME}'::regclass::oid AS oid`)).toEqual([before]);
  });

  test("two processes at once run each step once", async () => {
    const other = await openPostgres({ url: schema.url, connections: 2 }, plain);
    const both = await Promise.all([migrate(dialect, steps), migrate(other, steps)]);
    await other.close();
    expect(both.flat().sort()).toEqual(steps.map(({ name }) => name).sort());
    expect(await isValid()).toBe(true);
  });

  test("runs after the tables have moved to their own schema", async () => {
    await migrate(dialect);
    const names = namesIn(`${new URL(schema.url).searchParams.get("options")?.split("=").at(-1)}_own`, "FUNCTION");
    const moving = await openPostgres({ url: schema.url, connections: 2 }, names);
    expect(await migrate(moving, steps)).toEqual([`tables into ${names.schema}`, "9001-index", "9002-after"]);
    await rows(`DROP SCHEMA ${names.schema} CASCADE`);
    await moving.close();
  });

  describe("and changes many rows", () => {
    const change = backfillStep("9001-backfill", {
      table: "outbox",
      key: "id",
      set: '"attempts" = "attempts" + 1, "due_at" = 1',
      where: '"due_at" = 0',
    });
    const all = [...migrations, change, after];
    const entries = () => rows<{ id: number; attempts: number }>("SELECT id::int, attempts FROM outbox ORDER BY id");
    /** Rows of the first, the second and the fourth piece. */
    const ids = [7, 9_999, 10_008, 30_007];
    const changed = (attempts: number[]) => ids.map((id, i) => ({ id, attempts: attempts[i] }));

    beforeEach(async () => {
      await migrate(dialect);
      for (const id of ids)
        await rows(`INSERT INTO outbox (id, topic, body, due_at, attempts) VALUES (${id}, 't', '{}', 0, 0)`);
    });

    test("commits piece by piece, and goes on after a crash with the first one that is left", async () => {
      await writer.query("BEGIN");
      await writer.query(`UPDATE outbox SET topic = 'u' WHERE id = ${ids[2]}`);
      const ends = expect(migrate(dialect, all)).rejects.toThrow();
      let pid: number | undefined;
      await until(async () => {
        const [found] = await rows<{ pid: number }>(`SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'
          AND query LIKE 'UPDATE "outbox"%' AND pid IN (SELECT pid FROM pg_locks WHERE relation = 'outbox'::regclass)`);
        pid = found?.pid;
        return pid !== undefined;
      }, "a piece that waits");
      // No lock on the rows of the first piece is left.
      expect(await entries()).toEqual(changed([1, 1, 0, 0]));
      await rows(`UPDATE outbox SET topic = 'v' WHERE id = ${ids[0]}`);
      await rows(`SELECT pg_terminate_backend(${pid})`);
      await ends;
      expect(await pending(dialect, all)).toEqual(["9001-backfill", "9002-after"]);

      await writer.query("COMMIT");
      expect(await migrate(dialect, all)).toEqual(["9001-backfill", "9002-after"]);
      expect(await entries()).toEqual(changed([1, 1, 1, 1]));
    });

    test("does nothing if no row is left", async () => {
      await rows("UPDATE outbox SET due_at = 5");
      expect(await migrate(dialect, all)).toEqual(["9001-backfill", "9002-after"]);
      expect(await entries()).toEqual(changed([0, 0, 0, 0]));
    });
  });
});
