import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Context, type Service, ServiceBroker } from "moleculer";
import { type Config, loadConfig, useConfig } from "../../../config/config.ts";
import { openDatabase } from "../../../database/database.ts";
import { DatabaseUnavailable } from "../../../database/errors.ts";
import { databaseMixin, type WithDatabase } from "../../../mixins/database.ts";
import { define } from "../../../mixins/define.ts";
import { describePostgres, freshPostgres, freshSchema } from "../../helpers/database.ts";
import { until } from "../../helpers/patience.ts";
import { startProxy } from "../../helpers/proxy.ts";
import { ADMIN_TOKEN } from "../../helpers/system.ts";
import { proxiedPostgres } from "../../integration/postgres/kit.ts";
import { leftovers, nothingLeft, problem } from "../contracts/kit.ts";
import { tdsServer } from "../mssql/tds.ts";

type Stored = Service & WithDatabase;
const stored = (name: string) =>
  define({
    name,
    mixins: [databaseMixin],
    actions: {
      now() {
        return this.database.now();
      },
      async query() {
        await this.database.models.Client.findAll();
      },
      defect() {
        throw new Error("a defect");
      },
      async late(ctx: Context<{ until: Promise<void> }>) {
        await ctx.params.until;
        return this.database.now();
      },
    },
  });

let folder: string;
let config: Config;
let isLeft: () => string[];
beforeEach(() => {
  isLeft = leftovers();
  folder = mkdtempSync(join(tmpdir(), "dataflow-test-"));
  config = loadConfig({ DATABASE_URL: `sqlite:${join(folder, "test.db")}` });
});
afterEach(async () => {
  await nothingLeft(isLeft);
  rmSync(folder, { recursive: true, force: true });
});

function nodeOf(settings: Config, ...names: string[]) {
  const broker = new ServiceBroker({
    logger: false,
    skipProcessEventRegistration: true,
    created: (made) => useConfig(made, settings),
  });
  for (const name of names) broker.createService(stored(name));
  return broker;
}
/** Collects the warnings that the broker logs from now on. */
function warningsOf(broker: ServiceBroker): string[] {
  const warnings: string[] = [];
  const logger = { ...broker.logger, warn: (line: string) => void warnings.push(line) };
  jest.spyOn(broker, "getLogger").mockReturnValue(logger as never);
  return warnings;
}

const databaseOf = (broker: ServiceBroker, name: string) => (broker.getLocalService(name) as Stored).database;

test("the services of a node share one database; the last one closes it", async () => {
  const broker = nodeOf(config, "a", "b");
  await broker.start();
  expect(databaseOf(broker, "a")).toBe(databaseOf(broker, "b"));
  await broker.destroyService(broker.getLocalService("a") as Service);
  expect(await broker.call("b.now")).toEqual(expect.any(Number));
  const { database } = broker.getLocalService("b") as Stored;
  await broker.stop();
  await expect(database.now()).rejects.toBeInstanceOf(DatabaseUnavailable);
});

test("embedded, processes that start side by side make the folder that is not there together", async () => {
  const files = ["a", "b", "c"].map((name) => join(folder, "not/yet", `${name}.db`));
  const opened = await Promise.allSettled(files.map((file) => openDatabase({ url: `sqlite:${file}` })));
  for (const one of opened) if (one.status === "fulfilled") await one.value.close();
  expect(opened.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled"]);
});

test("embedded, the schema is brought up to date at the start", async () => {
  const broker = nodeOf(config, "a");
  await broker.start();
  expect(await databaseOf(broker, "a").pending()).toEqual([]);
  await broker.call("a.query");
  await broker.stop();
});

test("a database that its server never opens ends the start once the server has had its time", async () => {
  const server = await tdsServer(
    () => undefined,
    () => [4060, 18456],
  );
  const now = performance.now.bind(performance);
  let skippedMs = 0;
  jest.spyOn(performance, "now").mockImplementation(() => now() + skippedMs);
  const said: string[] = [];
  const broker = nodeOf(loadConfig({ DATABASE_URL: server.url, ADMIN_TOKEN }), "a");
  const getLogger = broker.getLogger.bind(broker);
  broker.getLogger = ((module: string, props: object) => {
    const warn = (text: string) => {
      said.push(text);
      skippedMs = 119_000 * (said.length - 1);
    };
    return { ...getLogger(module, props), warn };
  }) as typeof broker.getLogger;
  const error = await broker.start().catch((thrown: unknown) => thrown);
  expect(String((error as Error).message)).toMatch(/a database that exists/);
  expect(said).toEqual(Array(2).fill(expect.stringMatching(/^The start waits for the database/)));
  jest.restoreAllMocks();
  await broker.stop();
  await server.close();
});

test("a SQL Server that is away, or whose name is unknown, is waited for, and the log says so without the secret", async () => {
  const none = createServer((socket) =>
    socket
      .on("error", () => {})
      .resume()
      .end("220 hello\r\n"),
  );
  await new Promise<void>((resolve) => none.listen(0, "127.0.0.1", resolve));
  const { port } = none.address() as AddressInfo;
  const waits = async (at: string) => {
    const broker = nodeOf(loadConfig({ DATABASE_URL: `mssql://u:hunter2@${at}/x`, ADMIN_TOKEN }), "a");
    const warnings = warningsOf(broker);
    const ended = broker.start().catch((error: unknown) => error);
    await until(() => warnings.length > 0, `a warning of ${at}`);
    await broker.stop();
    expect(await ended).toBeInstanceOf(DatabaseUnavailable);
    expect(warnings).toEqual([
      expect.stringMatching(
        /^The start waits for the database mssql:\/\/\*\*\*@[\w.]+(:\d+)?\/x \(DATABASE_URL\): The database cannot be used \(E\w+\)\./,
      ),
    ]);
    expect(String(warnings)).not.toContain("hunter2");
  };
  await Promise.all(["127.0.0.1:1", "nowhere.invalid", `127.0.0.1:${port}`].map(waits));
  none.close();
});

describePostgres("elsewhere", () => {
  test("a node refuses a database that is behind, leaves it as it was, and serves it once it is migrated", async () => {
    const schema = await freshSchema();
    const settings = loadConfig({ DATABASE_URL: schema.url, ADMIN_TOKEN });
    const refused = nodeOf(settings, "a");
    await expect(refused.start()).rejects.toThrow(
      /^DATABASE_URL: expected a database that is up to date, at .*behind by .*run "npm run migrate" first$/,
    );
    await refused.stop();
    const db = await openDatabase({ url: schema.url });
    expect(await db.pending()).not.toEqual([]);
    await db.migrate();
    await db.close();
    const broker = nodeOf(settings, "a");
    await broker.start();
    await broker.call("a.query");
    await broker.stop();
    await schema.drop();
  });

  test("a database that is away at the start is waited for; a stop ends the waiting", async () => {
    const { url, db, remove } = await freshPostgres();
    const { hostname: host, port } = new URL(url);
    const proxy = await startProxy({ host, port: Number(port || 5432) }, true);
    const through = new URL(url);
    through.host = `127.0.0.1:${proxy.port}`;
    const settings = loadConfig({ DATABASE_URL: through.href, ADMIN_TOKEN });
    const given = nodeOf(settings, "a");
    const failed = given.start().catch((error: unknown) => error);
    await given.stop();
    expect(await failed).toBeInstanceOf(DatabaseUnavailable);
    const broker = nodeOf(settings, "a");
    const starting = broker.start();
    await proxy.open();
    await starting;
    expect(await broker.call("a.now")).toBeGreaterThan((await db.now()) - 60_000);
    await broker.stop();
    await proxy.close();
    await remove();
  });
});

/** Starts a node whose link is lost when it carries `text`. Answers its warnings, and whether it serves in the end. */
async function startLosing(text: string, how: "cut" | "silent") {
  const at = await proxiedPostgres();
  const broker = nodeOf(loadConfig({ DATABASE_URL: at.url, ADMIN_TOKEN }), "a");
  const warnings = warningsOf(broker);
  const lost = at.proxy.lose(text, how);
  await broker.start();
  await lost;
  const isServing = Number(await broker.call("a.now")) > 0;
  await broker.stop();
  await at.remove();
  return { warnings, isServing };
}

describePostgres("a database that goes in the middle of the start", () => {
  // The link is lost at two moments: at Sequelize's first query of a connection, and at our own query. Both cases run at once,
  // because a node waits 10 s for a silent link.
  test("is waited for", async () => {
    const moments = ["pg_range", "to_regclass"];
    const ends = await Promise.all(moments.flatMap((text) => [startLosing(text, "cut"), startLosing(text, "silent")]));
    const waits = /^The start waits for the database postgres:.* \(DATABASE_URL\): The database cannot be used/;
    for (const end of ends) expect(end).toEqual({ warnings: [expect.stringMatching(waits)], isServing: true });
  });

  test("ends `migrate` and `pending` as a database that is away", async () => {
    const at = await proxiedPostgres();
    const db = await openDatabase({ url: at.url });
    await at.proxy.shut();
    await expect(db.pending()).rejects.toBeInstanceOf(DatabaseUnavailable);
    await expect(db.migrate()).rejects.toBeInstanceOf(DatabaseUnavailable);
    await db.close();
    await at.remove();
  });
});

test("a database that is away is the problem `unavailable`; the log says it once; any other error stays itself", async () => {
  const broker = nodeOf(config, "a");
  await broker.start();
  const logged = jest.spyOn((broker.getLocalService("a") as Stored).logger, "error");
  await expect(broker.call("a.defect")).rejects.toThrow("a defect");
  await databaseOf(broker, "a").close();
  const away = problem("unavailable", { headers: { "Retry-After": "5" } });
  await expect(broker.call("a.now")).rejects.toEqual(away);
  await expect(broker.call("a.query")).rejects.toEqual(away);
  expect(logged.mock.calls).toEqual([["The database is away:", expect.any(String)]]);
  await broker.stop();
});

test("what a planned stop overtakes is `unavailable`, and the log calls no database away", async () => {
  const broker = nodeOf(config, "a");
  await broker.start();
  const logged = jest.spyOn((broker.getLocalService("a") as Stored).logger, "error");
  const { promise: until, resolve } = Promise.withResolvers<void>();
  const late = broker.call("a.late", { until });
  await broker.stop();
  resolve();
  await expect(late).rejects.toMatchObject({ type: "unavailable" });
  expect(logged.mock.calls).toEqual([]);
});
