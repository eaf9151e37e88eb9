/** The promise: an upload that two nodes receive is one batch, and an upload to a killed node can be sent again. */
import { type Database, openDatabase } from "../../database/database.ts";
import { describePostgres, migratedPostgres, type Schema } from "../helpers/database.ts";
import { type Batch, get, newClient, post, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { killLeftOvers, type RunningProcess, startProcess, temporaryFolder, untilFile } from "../helpers/process.ts";

const leases = { BATCH_LEASE: "1s", SWEEP_INTERVAL: "100ms" };
const long = Array.from({ length: 1_000 }, (_, i) => `{"a":${i}}`).join("\n");
const RUNNING = "SELECT COUNT(*) = 1 AS is_taken FROM idempotency_key WHERE answer IS NULL";

const key = { "idempotency-key": "nightly" };
const outcomeOf = async (response: Response) => ({
  status: response.status,
  isReplayed: response.headers.has("idempotent-replayed"),
  id: ((await response.json()) as { id?: string }).id ?? null,
});

/** Sends the beginning of a body and leaves it there; resolves once the request has ended, however. */
function begun(url: string, client: TestClient): Promise<unknown> {
  const body = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(Buffer.from(`${long}\n`)) });
  return post(url, client, body, undefined, key).catch(() => null);
}

/** The first answer that is not "still runs". */
async function sentAgain(url: string, client: TestClient): Promise<Response> {
  let response: Response | undefined;
  await until(
    async () => {
      response = await post(url, client, long, undefined, key);
      return response.status !== 409;
    },
    "the key is free",
    15_000,
  );
  return response as Response;
}

const listed = async (url: string, client: TestClient) =>
  ((await (await get(url, client, "/imports?limit=200")).json()) as { items: Batch[] }).items.map(({ id }) => id);

describePostgres("two nodes on PostgreSQL", () => {
  let schema: Schema;
  let db: Database;
  let nodes: [RunningProcess, RunningProcess];
  let client: TestClient;

  const start = () => startProcess({ DATABASE_URL: schema.url, ...leases });
  beforeAll(async () => {
    schema = await migratedPostgres();
    db = await openDatabase({ url: schema.url });
    nodes = await Promise.all([start(), start()]);
  });
  afterAll(async () => {
    await Promise.all((nodes ?? []).map((node) => node.stop()));
    killLeftOvers();
    await db?.close();
    await schema?.drop();
  });

  /** The same upload ten times at the same instant, in turns to one node and the other. */
  const tenTimes = (body: string, headers: Record<string, string> = {}) =>
    Promise.all(
      Array.from({ length: 10 }, async (_, i) =>
        outcomeOf(await post((nodes[i % 2] as RunningProcess).url, client, body, undefined, headers)),
      ),
    );

  test.each([
    ["small", '{"a":1}'],
    ["large", long],
  ])("ten %s uploads with one key at the same moment become one batch", async (_name, body) => {
    client = await newClient(nodes[0].url, { chunkRecords: 100 });
    const all = await tenTimes(body, key);
    const first = all.filter(({ status, isReplayed }) => status === 202 && !isReplayed);
    expect(first).toHaveLength(1);
    for (const one of all) if (one.status !== 409) expect(one).toMatchObject({ status: 202, id: first[0]?.id });
    for (const { url } of nodes) {
      expect(await listed(url, client)).toEqual([first[0]?.id]);
      expect(await outcomeOf(await post(url, client, body, undefined, key))).toEqual({ ...first[0], isReplayed: true });
    }
  });

  test.each([
    ["small", '{"a":1}'],
    ["large", long],
  ])("with dedup, ten equal %s uploads at the same moment become one batch", async (_name, body) => {
    client = await newClient(nodes[0].url, { chunkRecords: 100, dedup: "returnExisting" });
    const all = await tenTimes(body);
    expect(all.map(({ status }) => status).sort()).toEqual([...Array(9).fill(200), 202]);
    expect(new Set(all.map(({ id }) => id)).size).toBe(1);
    client = await newClient(nodes[0].url, { chunkRecords: 100, dedup: "reject" });
    expect((await tenTimes(body)).map(({ status }) => status).sort()).toEqual([202, ...Array(9).fill(409)]);
    expect(await listed(nodes[1].url, client)).toHaveLength(1);
  });

  test("both nodes count against the same quota of a day", async () => {
    client = await newClient(nodes[0].url, { recordsPerDay: 4 });
    expect((await tenTimes('{"a":1}')).map(({ status }) => status).sort()).toEqual([
      ...Array(4).fill(202),
      ...Array(6).fill(429),
    ]);
  });

  test("after a node is killed in an upload, its key is free on the other node and nothing of it is left", async () => {
    client = await newClient(nodes[0].url, { chunkRecords: 100 });
    const first = begun(nodes[0].url, client);
    const running = async () => ((await db.sequelize.query(RUNNING)) as [{ is_taken: boolean }[], unknown])[0][0];
    await until(async () => (await running())?.is_taken === true, "the first one has its key", 5_000);
    expect((await post(nodes[1].url, client, long, undefined, key)).status).toBe(409);
    await nodes[0].stop("SIGKILL");
    await first;
    const second = await outcomeOf(await sentAgain(nodes[1].url, client));
    expect(second).toMatchObject({ status: 202, isReplayed: false });
    expect(await listed(nodes[1].url, client)).toEqual([second.id]);
    await until(async () => (await db.store.due("receiving", 10)).length === 0, "the first one is wiped");
    nodes[0] = await start();
    expect(await outcomeOf(await post(nodes[0].url, client, long, undefined, key))).toEqual({
      ...second,
      isReplayed: true,
    });
  });
});

describe("one node on SQLite", () => {
  const place = temporaryFolder();
  afterAll(() => {
    killLeftOvers();
    place.remove();
  });

  test("after a kill the key of a running upload is free, and an answered key gets its answer again", async () => {
    const env = { DATABASE_URL: place.databaseUrl, ...leases };
    let node = await startProcess(env);
    const client = await newClient(node.url, { chunkRecords: 100 });
    const done = { "idempotency-key": "done" };
    const answered = await outcomeOf(await post(node.url, client, long, undefined, done));
    const first = begun(node.url, client);
    await untilFile(place, RUNNING);
    await node.stop("SIGKILL");
    await first;
    node = await startProcess(env);
    expect(await outcomeOf(await post(node.url, client, long, undefined, done))).toEqual({
      ...answered,
      isReplayed: true,
    });
    expect(await outcomeOf(await sentAgain(node.url, client))).toMatchObject({ status: 202, isReplayed: false });
    expect(await listed(node.url, client)).toHaveLength(2);
    expect((await node.stop()).code).toBe(0);
  });
});
