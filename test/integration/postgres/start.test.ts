/** A DATABASE_URL that no waiting heals ends each command with one line, without the secret. */
import { describePostgres, freshSchema, onServer, type Schema } from "../../helpers/database.ts";
import { killLeftOvers, startsInVain } from "../../helpers/process.ts";

let schema: Schema;
const STRANGER = `dataflow_stranger_${process.pid}`;
beforeAll(async () => {
  schema = await freshSchema();
  await onServer(`CREATE ROLE ${STRANGER} LOGIN`);
});
afterAll(async () => {
  killLeftOvers();
  await schema.drop();
  await onServer(`DROP ROLE ${STRANGER}`);
});

function urlWith(change: (url: URL) => void): string {
  const url = new URL(schema.url);
  url.username = "postgres";
  url.password = "hunter2";
  change(url);
  return url.href;
}

const login = (url: URL) => {
  url.username = "nobody-of-ours";
};
const name = (url: URL) => {
  url.pathname = "/nothing-of-ours";
};
const host = (url: URL) => {
  url.hostname = "nowhere.invalid";
};
/** May log in, and see nothing. */
const stranger = (url: URL) => {
  url.username = STRANGER;
};
/** Nobody listens there. A node waits for it; the one step says so and ends. */
const away = (url: URL) => {
  url.port = "1";
};
const cases = [
  ["migrate", stranger, /a user who may use its database, schema and tables/],
  ["start", login, /a user and password that the server accepts, at postgres:.*; found a login that it refuses/],
  ["start:api", name, /a database that exists, at .*\/nothing-of-ours; found none of that name/],
  ["start:worker", host, /a host that can be found, at .*nowhere\.invalid.*; found an unknown name/],
  ["migrate", away, /^The database was not migrated: DATABASE_URL: postgres:.*:1\/.* is away: .*ECONNREFUSED/],
  ["migrate", login, /a user and password that the server accepts/],
] as const;

describePostgres("a wrong DATABASE_URL", () => {
  test("ends every command with one line that names it, and without the secret", async () => {
    const ends = await Promise.all(
      cases.map(([script, wrong]) => startsInVain({ DATABASE_URL: urlWith(wrong), METRICS_PORT: "0" }, script)),
    );
    for (const [i, [, , told]] of cases.entries()) {
      const { code, logs } = ends[i] as (typeof ends)[number];
      expect(code).toBe(1);
      const named = logs.split("\n").filter((line) => line.includes("DATABASE_URL"));
      expect(named).toEqual([expect.stringMatching(told)]);
      expect(logs).not.toMatch(/hunter2|\n {4}at /);
    }
  });
});
