/** What a DATABASE_URL for SQL Server does at a start. Wrong settings are found without a server. */
import { describeMssql, freshMssqlDatabase, type OwnDatabase, onMssql } from "../../helpers/mssql.ts";
import { killLeftOvers, launch, startsInVain } from "../../helpers/process.ts";
import { tdsServer } from "../../unit/mssql/tds.ts";

afterAll(killLeftOvers);

const faults = (logs: string) => logs.split("\n").filter((line) => line.includes("DATABASE_URL"));

const wrong = [
  ["db/x?sslmode=require", "migrate", /parameters among encrypt, .*; found "sslmode"/],
  ["db/x?encrypt=1", "start:worker", /encrypt to be true or false or strict/],
  ["db:1433", "migrate", /the name of a database after the host/],
] as const;

test("a wrong parameter, value or database ends every command with one line, without the secret", async () => {
  const ends = await Promise.all(
    wrong.map(([at, script]) => startsInVain({ DATABASE_URL: `mssql://u:hunter2@${at}`, METRICS_PORT: "0" }, script)),
  );
  for (const [i, [, , told]] of wrong.entries()) {
    const { code, logs } = ends[i] as (typeof ends)[number];
    expect(code).toBe(1);
    expect(faults(logs)).toEqual([expect.stringMatching(told)]);
    expect(logs).not.toMatch(/hunter2|\n {4}at /);
  }
});

test("a database that its server does not open yet is waited for; a wrong password is not", async () => {
  const [NOT_OPEN, LOGIN_FAILED] = [4060, 18456];
  let refused = [NOT_OPEN, LOGIN_FAILED];
  const server = await tdsServer(
    () => undefined,
    () => refused,
  );
  try {
    const started = launch({ DATABASE_URL: server.url });
    await untilSaid(started, /The start waits for the database .*: Expected a database that exists/);
    refused = [LOGIN_FAILED];
    await started.exited;
    expect(faults(started.logs()).at(-1)).toMatch(/a user and password that the server accepts/);
  } finally {
    await server.close();
  }
});

function untilSaid({ logs, listeners }: ReturnType<typeof launch>, expression: RegExp): Promise<void> {
  return new Promise((resolve) => {
    const look = () => expression.test(logs()) && resolve();
    listeners.add(look);
    look();
  });
}

describeMssql("a wrong DATABASE_URL of a SQL Server that is there", () => {
  let own: OwnDatabase;
  beforeAll(async () => {
    own = await freshMssqlDatabase();
  });
  afterAll(() => own.drop());

  const urlWith = (change: (url: URL) => void): string => {
    const url = new URL(own.url);
    change(url);
    return url.href;
  };

  test("ends the start with one line that names the setting, without the secret", async () => {
    const cases = [
      [urlWith((url) => Object.assign(url, { password: "hunter2" })), /a user and password that the server accepts/],
      [urlWith((url) => Object.assign(url, { pathname: "/nothing-of-ours" })), /a database that exists/],
      [own.url, /behind by 0001-schema.*npm run migrate/],
    ] as const;
    for (const [url, told] of cases) {
      const { code, logs } = await startsInVain({ DATABASE_URL: url });
      expect(code).toBe(1);
      expect(faults(logs)).toEqual([expect.stringMatching(told)]);
      expect(logs).not.toMatch(/hunter2|\n {4}at /);
    }
  });

  test("a database without row versions is logged with the statement that turns them on", async () => {
    const name = new URL(own.url).pathname.slice(1);
    await onMssql(`ALTER DATABASE ${name} SET READ_COMMITTED_SNAPSHOT OFF WITH ROLLBACK IMMEDIATE`);
    const { code, logs } = await startsInVain({ DATABASE_URL: own.url }, "migrate");
    expect(code).toBe(0);
    expect(logs).toContain(`Run: ALTER DATABASE [${name}] SET READ_COMMITTED_SNAPSHOT ON WITH ROLLBACK IMMEDIATE`);
  });
});
