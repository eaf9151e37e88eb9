/** Where the tables are by default. A database may be shared with other products, whose tables may have the same names. */
import { accepted, newClient } from "../helpers/http.ts";
import { startSystem } from "../helpers/system.ts";
import { select } from "../integration/batch/kit.ts";

test("SQLite's tables have the prefix dataflow_", async () => {
  const system = await startSystem({ env: { DATABASE_SCHEMA: "" } });
  try {
    const client = await newClient(system.url);
    await accepted(system.url, client, '{"a":1}\n');
    const tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
    const names = await select<{ name: string }>(system, tables);
    expect(names.length).toBeGreaterThan(10);
    expect(names.filter(({ name }) => !name.startsWith("dataflow_"))).toEqual([]);
    expect(await select(system, "SELECT count(*) AS n FROM dataflow_batch")).toEqual([{ n: 1 }]);
  } finally {
    await system.stop();
  }
});
