/** Autovacuum has to come early to tables whose rows change all the time, however many other rows they keep. */
import type { Dialect } from "../../../database/dialect.ts";
import { openPostgres } from "../../../database/dialects/postgres/open.ts";
import { migrate, migrations } from "../../../database/migrations/migrate.ts";
import { plain } from "../../../database/schema/names.ts";
import { describePostgres, freshSchema, type Schema } from "../../helpers/database.ts";

const KEPT = 10_000_000;
/** How many dead rows a table may have beside `KEPT` rows before autovacuum comes. */
const MOST: Record<string, number> = {
  outbox: 1_000,
  batch_count: 1_000,
  client_queue: 1_000,
  batch_work: 1_000,
  batch_chunk: 101_000,
  "batch_chunk's bodies": 105_000,
  batch: 200_050,
  delivery: 200_050,
  record: 100_050,
};

describePostgres("autovacuum", () => {
  let schema: Schema;
  let dialect: Dialect;
  beforeEach(async () => {
    schema = await freshSchema();
    dialect = await openPostgres({ url: schema.url, connections: 2 }, plain);
  });
  afterEach(async () => {
    await dialect.close();
    await schema.drop();
  });

  test("autovacuum runs early in a new database, and in one that was migrated", async () => {
    const last = migrations.findIndex(({ name }) => name.endsWith("-vacuum"));
    await migrate(dialect, migrations.slice(0, last));
    await migrate(dialect);
    const [found] = await dialect.sequelize.query(`SELECT name,
        coalesce((SELECT option_value::float8 FROM pg_options_to_table(options) WHERE option_name = 'autovacuum_vacuum_threshold'), 50)
        + coalesce((SELECT option_value::float8 FROM pg_options_to_table(options) WHERE option_name = 'autovacuum_vacuum_scale_factor'), 0.2)
          * ${KEPT} AS most
      FROM (SELECT relname AS name, reloptions AS options, relnamespace FROM pg_class WHERE relkind = 'r'
        UNION ALL SELECT c.relname || '''s bodies', t.reloptions, c.relnamespace
          FROM pg_class c JOIN pg_class t ON t.oid = c.reltoastrelid WHERE c.relname = 'batch_chunk') tables
      WHERE relnamespace = current_schema()::regnamespace`);
    const most = Object.fromEntries((found as { name: string; most: number }[]).map((row) => [row.name, row.most]));
    expect(most).toMatchObject(MOST);
  });

  test("rows whose counts change with every chunk have room for their new versions in their page", async () => {
    await migrate(dialect);
    const [found] = await dialect.sequelize.query(`SELECT relname AS name, option_value::int AS filled
      FROM pg_class, pg_options_to_table(reloptions)
      WHERE option_name = 'fillfactor' AND relnamespace = current_schema()::regnamespace ORDER BY relname`);
    expect(found).toEqual([
      { name: "batch_work", filled: 30 },
      { name: "error_group", filled: 50 },
    ]);
  });
});
