/** What is sent over the wire, and in which order. The server answers with "done" and errors, and knows no SQL. */
import { openMssql } from "../../../database/dialects/mssql/open.ts";
import { Sql, type Staged } from "../../../database/dialects/mssql/sql.ts";
import { kinds } from "../../../database/dialects/mssql/values.ts";
import { DatabaseUnavailable, MismatchedAnswer } from "../../../database/errors.ts";
import { rowsWhere } from "../../../database/model-reads.ts";
import { defineModels } from "../../../database/models.ts";
import { plain } from "../../../database/schema/names.ts";
import { type Answer, type Asked, says, type TdsServer, tdsServer } from "./tds.ts";

let server: TdsServer;
let sql: Sql;
const started = async (answer: (asked: Asked) => Answer) => {
  server = await tdsServer(answer);
  sql = new Sql({ url: server.url, connections: 8 }, plain);
};
afterEach(async () => {
  await sql.close();
  await server.close();
});

const words = ["DROP TABLE", "insert bulk", "UPDATE batch", "UPDATE other"];
/** The requests in short. Connections are numbered in the order of their first use. */
function story(): string[] {
  const connections = [...new Set(server.asked.map(({ on }) => on))];
  return server.asked.map((one) =>
    [connections.indexOf(one.on), one.kind, words.find((word) => says(one, word)) ?? ""].join(" "),
  );
}

/** Makes each request with one of these texts fail once. */
function failingOnce(told: Answer): (asked: Asked) => Answer {
  let isOver = false;
  return (asked) => {
    if (isOver || !says(asked, "UPDATE batch")) return undefined;
    isOver = true;
    return told;
  };
}

test("a deadlock victim is retried on another connection", async () => {
  await started(failingOnce(1205));
  await sql.all("UPDATE batch SET fence = 1;");
  expect(story()).toEqual(["0 call UPDATE batch", "1 call UPDATE batch"]);
});

test("after any other error the next batch runs on a new connection, without leftovers of the last", async () => {
  await started(failingOnce(8134));
  await expect(sql.all("UPDATE batch SET fence = 1;")).rejects.toMatchObject({ number: 8134 });
  await sql.all("UPDATE other SET n = 1;");
  expect(story()).toEqual(["0 call UPDATE batch", "1 call UPDATE other"]);
});

test("the answer to the query before is refused, and its connection is not used again", async () => {
  await started((asked) => (says(asked, "UPDATE other") ? "behind" : undefined));
  await sql.all("UPDATE batch SET fence = 1;");
  await expect(sql.all("UPDATE other SET n = 1;")).rejects.toBeInstanceOf(MismatchedAnswer);
  await sql.all("UPDATE batch SET fence = 1;");
  expect(story()).toEqual(["0 call UPDATE batch", "0 call UPDATE other", "1 call UPDATE batch"]);
});

test("a bulk load that fails ends its connection", async () => {
  await started((asked) => (asked.kind === "rows" ? 4815 : undefined));
  const load = sql.staged([staged(1_000)], "UPDATE batch SET n = 1 FROM #keyed;");
  await expect(load).rejects.toMatchObject({ number: 4815 });
  await sql.all("UPDATE other SET n = 1;");
  expect(story()).toEqual(["0 batch DROP TABLE", "0 batch insert bulk", "0 rows ", "1 call UPDATE other"]);
});

test("after a broken connection the outcome is unknown, and the next batch runs on a new connection", async () => {
  await started(failingOnce("cut"));
  const error = await sql.all("UPDATE batch SET fence = 1;").catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DatabaseUnavailable);
  expect(error).toMatchObject({ isOutcomeUnknown: true });
  await sql.all("UPDATE other SET n = 1;");
  expect(story()).toEqual(["0 call UPDATE batch", "1 call UPDATE other"]);
});

const staged = (rows: number): Staged => ({
  name: "#keyed",
  columns: { seq: kinds.big, data: kinds.text, key_hash: kinds.key },
  order: ["seq"],
  rows: Array.from({ length: rows }, (_one, i) => [i, `text ${i}`, i % 2 === 0 ? Buffer.alloc(16, 0xab) : null]),
});

test("few rows are sent with their batch, many before it on the same connection", async () => {
  await started(() => undefined);
  await sql.staged([staged(3)], "UPDATE batch SET n = (SELECT COUNT(*) FROM #keyed);");
  expect(story()).toEqual(["0 call UPDATE batch"]);
  server.asked.length = 0;
  await sql.staged([staged(1_000)], "UPDATE batch SET n = (SELECT COUNT(*) FROM #keyed);");
  expect(story()).toEqual(["0 batch DROP TABLE", "0 batch insert bulk", "0 rows ", "0 call UPDATE batch"]);
});

/** BIGINT and VARBINARY(32) state their length. NVARCHAR(MAX) comes in pieces after eight bytes. */
function rowsIn(data: Buffer): unknown[][] {
  const rows: unknown[][] = [];
  let at = data.indexOf(Buffer.from([0xd1, 8, 0, 0, 0, 0, 0, 0, 0, 0]));
  while (data[at] === 0xd1) {
    const seq = Number(data.readBigInt64LE(at + 2));
    const size = data.readUInt32LE(at + 18);
    const text = data.toString("ucs2", at + 22, at + 22 + size);
    at += 22 + size;
    expect(data.readUInt32LE(at)).toBe(0);
    const length = data.readUInt16LE(at + 4);
    at += 6;
    const key = length === 0xffff ? null : data.subarray(at, at + length);
    at += key?.length ?? 0;
    rows.push([seq, text, key]);
  }
  expect(data[at]).toBe(0xfd);
  return rows;
}

test("loaded rows arrive unchanged, keys in their own length", async () => {
  await started(() => undefined);
  const table = staged(500);
  await sql.staged([table], "UPDATE batch SET n = (SELECT COUNT(*) FROM #keyed);");
  const [announced] = server.asked.filter((one) => says(one, "insert bulk"));
  expect(says(announced as Asked, " WITH (TABLOCK,ORDER (seq ASC))")).toBe(true);
  const [loaded] = server.asked.filter(({ kind }) => kind === "rows");
  expect(rowsIn((loaded as Asked).data)).toEqual(table.rows);
});

test("what the models look for are parameters, whose type is the column's: the text stays the same", async () => {
  await started(() => undefined);
  const { sequelize, close } = await openMssql({ url: server.url, connections: 8 }, plain);
  const { Client, Policy } = defineModels(sequelize, plain);
  server.asked.length = 0;
  await rowsWhere(Client, { changedAt: { atLeast: 1_795_952_518_955.913 } });
  await rowsWhere(Client, { identifier: "a-client" });
  await rowsWhere(Policy, { clientId: 7 }, { greatest: "version" });
  await close();
  const [safety, byName, newest] = server.asked as [Asked, Asked, Asked];
  for (const [one, condition, type] of [
    [safety, '"changed_at" >= @changedAt', "@changedAt bigint"],
    [byName, '"identifier" = @identifier', "@identifier nvarchar("],
    [newest, '"client_id" = @clientId', "@clientId int"],
  ] as const)
    expect([says(one, condition), says(one, type)]).toEqual([true, true]);
  expect([says(safety, "1795952518955"), says(byName, "'a-client'")]).toEqual([false, false]);
});

test("ids come in small letters, on a lane and on a connection of the models", async () => {
  const id = "0193e1c2-abcd-7def-8abc-0123456789ab";
  // The first three parts of a UUID are sent with their last byte first.
  const bytes = Buffer.from("c2e19301cdabef7d8abc0123456789ab", "hex");
  await started((asked) => (says(asked, "AS id") ? bytes : undefined));
  expect(await sql.all("SELECT NEWID() AS id")).toEqual([{ id }]);
  const { sequelize, close } = await openMssql({ url: server.url, connections: 8 }, plain);
  const [rows] = await sequelize.query("SELECT NEWID() AS id");
  await close();
  expect(rows).toEqual([{ id }]);
});

/**
 * For a request of two packets (4 kB each). If the second packet waits for the acknowledgement of the first, it takes some 40 ms.
 */
const HELD_BACK_MS = 30;
/** The kernel of the server acknowledges the first packets of a connection at once, so the test warms up with this many. */
const WARMED_UP = 30;

async function quickest(ask: (text: string) => Promise<unknown>): Promise<number> {
  const text = `SELECT 1 /* ${"x".repeat(3_000)} */`;
  for (let i = 0; i < WARMED_UP; i++) await ask(text);
  const times: number[] = [];
  for (let i = 0; i < 10; i++) {
    const beganAt = performance.now();
    await ask(text);
    times.push(performance.now() - beganAt);
  }
  return Math.min(...times);
}

test("the last packet of a request is not held back, neither on a lane nor on a connection of the models", async () => {
  await started(() => undefined);
  expect(await quickest((text) => sql.all(text))).toBeLessThan(HELD_BACK_MS);
  const { sequelize, close } = await openMssql({ url: server.url, connections: 8 }, plain);
  try {
    expect(await quickest((text) => sequelize.query(text))).toBeLessThan(HELD_BACK_MS);
  } finally {
    await close();
  }
});
