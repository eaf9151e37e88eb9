/** What a DATABASE_URL of SQL Server means for both of its drivers. The error of a wrong URL shows no secret. */
import { configOf, sequelizeOptionsOf, targetOf } from "../../../database/dialects/mssql/url.ts";
import { DatabaseRefused } from "../../../database/errors.ts";

const refusal = (url: string): DatabaseRefused => {
  try {
    targetOf(url);
  } catch (error) {
    if (error instanceof DatabaseRefused) return error;
    throw error;
  }
  throw new Error("It was taken.");
};

test("host, port, database and login, with their special characters", () => {
  expect(targetOf("mssql://us%40er:p%2Fa%3As%25s@db.example:1444/data%20flow")).toMatchObject({
    server: "db.example",
    port: 1444,
    database: "data flow",
    user: "us@er",
    password: "p/a:s%s",
  });
  expect(targetOf("mssql://u:p@[::1]/x")).toMatchObject({ server: "::1", port: 1433 });
  expect(targetOf("mssql://u@db/x")).toMatchObject({ user: "u", password: "" });
});

test.each([
  ["", { encrypt: true, trustServerCertificate: false, appName: "dataflow", connectTimeout: 5_000 }],
  ["?encrypt=false", { encrypt: false }],
  ["?encrypt=strict", { encrypt: "strict" }],
  ["?encrypt=true&trustServerCertificate=true", { encrypt: true, trustServerCertificate: true }],
  ["?multiSubnetFailover=true", { multiSubnetFailover: true }],
  ["?instanceName=SQLEXPRESS", { instanceName: "SQLEXPRESS" }],
  ["?appName=data%20flow&connectTimeout=15000", { appName: "data flow", connectTimeout: 15_000 }],
])("parameters: %s", (query, options) => {
  expect(targetOf(`mssql://u:p@db/x${query}`).options).toMatchObject(options);
});

test.each([
  ["mssql://u:hunter2@db", "the name of a database after the host", "none"],
  ["mssql://u:hunter2@db/", "the name of a database after the host", "none"],
  ["mssql://u:hunter2@db/a/b", "the name of a database after the host", "more than a name"],
  ["mssql://db/x", "the name of a user before the host", "none"],
  ["mssql://u:%hunter2@db/x", "a password whose special characters are percent-encoded", "a % that encodes nothing"],
  [
    "mssql://u:hunter2@db/x?encrypt=yes",
    "encrypt to be true or false or strict (SQL Server 2022 and later)",
    "another value",
  ],
  ["mssql://u:hunter2@db/x?trustServerCertificate=1", "trustServerCertificate to be true or false", "another value"],
  ["mssql://u:hunter2@db/x?connectTimeout=5s", "connectTimeout to be milliseconds, 100 to 99999", "another value"],
  ["mssql://u:hunter2@db/x?instanceName=a;b", "instanceName to be the name of an instance", "another value"],
  ["mssql://u:hunter2@db:1433/x?instanceName=a", "either a port or instanceName", "both"],
  ["mssql://u:hunter2@db/x?sslmode=require", /^parameters among encrypt, trustServerCertificate, /, '"sslmode"'],
  ["mssql://u:hunter2@db/x?hunter2", /^parameters among /, "another name"],
  ["mssql://u:hunter2@db/x?constructor=1", /^parameters among /, '"constructor"'],
])("what is wrong is named: %s", (url, expected, found) => {
  const error = refusal(url);
  expect(error.expected).toEqual(typeof expected === "string" ? expected : expect.stringMatching(expected));
  expect(error.found).toBe(found);
  expect(error.message).not.toContain("hunter2");
});

test("a pool has one connection, tested without a round trip, and no statement takes for ever", () => {
  expect(configOf("mssql://u:p@db/x?connectTimeout=7000")).toMatchObject({
    server: "db",
    requestTimeout: 10_000,
    connectionTimeout: 7_000,
    validateConnection: "socket",
    pool: { max: 1, min: 0 },
    options: { cancelTimeout: 1_000, abortTransactionOnError: true },
  });
});

test("Sequelize gets the same settings, with its own timeout", () => {
  expect(sequelizeOptionsOf("mssql://u:p@db/x?encrypt=false", 0)).toEqual({
    host: "db",
    port: 1433,
    database: "x",
    username: "u",
    password: "p",
    dialectOptions: { options: { ...targetOf("mssql://u:p@db/x?encrypt=false").options, requestTimeout: 0 } },
  });
});
