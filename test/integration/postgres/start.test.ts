/** A DATABASE_URL that cannot work ends each command with one line, without the secret. */
import { describePostgres, freshSchema, onServer, type Schema } from "../../helpers/database.ts";
import { killLeftOvers, migratedHere, startsInVain } from "../../helpers/process.ts";

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
/** A user who may log in but has no rights. */
const stranger = (url: URL) => {
  url.username = STRANGER;
};
/** A port on which nobody listens. A node waits for it; `migrate` says so and ends. */
const away = (url: URL) => {
  url.port = "1";
};
const empty = () => {};
const tls = (url: URL) => {
  url.search = "sslmode=no-verify";
};
const file = (url: URL) => {
  url.search = "sslmode=verify-full&sslrootcert=/nowhere.pem";
};
const parameter = (url: URL) => {
  url.search = "options=-c%20nothing_of_ours%3D1";
};
const authority = (url: URL) => {
  url.search = "uselibpqcompat=true&sslmode=verify-ca";
};
const cases = [
  ["migrate", stranger, /a user who may use its database, schema and tables/],
  ["start", login, /a user and password that the server accepts, at postgres:.*; found a login that it refuses/],
  ["migrate", name, /a database that exists, at .*\/nothing-of-ours; found none of that name/],
  ["start:worker", tls, /a server with TLS, for its parameters ask for that, at .*; found one without/],
  ["migrate", file, /files that can be read in sslrootcert, .*; found one that cannot be/],
  ["migrate", parameter, /parameters after the \? that the server takes, at .*; found one that it refuses \(42704\)/],
  ["migrate", authority, /sslrootcert beside sslmode=verify-ca, at .*; found none/],
  [
    "start:worker",
    empty,
    /up to date, at .*; found one that is behind by 0001-schema, .*: run "npm run migrate" first/,
  ],
  ["migrate", away, /^The database was not migrated: DATABASE_URL: postgres:.*:1\/.* is away: .*ECONNREFUSED/],
  ["migrate", login, /a user and password that the server accepts/],
] as const;

describePostgres("a wrong DATABASE_URL", () => {
  test("ends every command with one line that names the setting, without the secret", async () => {
    const ends = await Promise.all(
      cases.map(([script, wrong]) => {
        const env = { DATABASE_URL: urlWith(wrong), METRICS_PORT: "0" };
        // One command in a process of its own shows that commands end as `migratedHere` reports.
        return script === "migrate" && wrong !== stranger ? migratedHere(env) : startsInVain(env, script);
      }),
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
