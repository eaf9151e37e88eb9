/**
 * The promise: on a full or read-only disk SQLite stores nothing by half, readiness shows the fault, and work goes on afterwards.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Database } from "../../database/database.ts";
import { accepted, type Batch, batchWhen, get, lines, newClient, post, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { type SmallDisk, smallDisk } from "../helpers/small-disk.ts";
import { type System, startSystem } from "../helpers/system.ts";

const NAME = "a full disk";
const disk = smallDisk(NAME, 24) as SmallDisk;
const onDisk = disk ? test : test.skip;

let system: System;
let client: TestClient;
afterEach(() => system.stop());
afterAll(() => disk?.remove());

const LARGE = '{"text":"some record of a large body"}\n'.repeat(100_000);

const readiness = async () => {
  const response = await fetch(`${system.url}/health/ready`);
  return { code: response.status, ...((await response.json()) as { status: string; checks: object }) };
};
const readyIs = (wanted: string) => until(async () => (await readiness()).status === wanted);

async function batches(): Promise<Batch[]> {
  return ((await (await get(system.url, client, "/imports")).json()) as { items: Batch[] }).items;
}

async function stored({ id }: Batch): Promise<number> {
  await batchWhen(system.url, client, id, ({ status }) => status === "completed");
  return (await lines(get(system.url, client, `/imports/${id}/records`))).length;
}

onDisk("what is refused is not stored, what was taken is done, and the node goes on when there is room", async () => {
  system = await startSystem({ env: { LOG_LEVEL: "fatal", DATABASE_URL: `sqlite:${join(disk.folder, "x.db")}` } });
  client = await newClient(system.url);
  const taken = [await accepted(system.url, client, '{"n":0}')];
  disk.fill();
  const large = await post(system.url, client, LARGE);
  expect([large.status, await large.json()]).toMatchObject([503, { code: "unavailable" }]);
  expect(large.headers.get("retry-after")).not.toBeNull();
  // Small uploads still fit into the write-ahead log.
  const refusal = await until(async () => {
    const response = await post(system.url, client, `{"n":${taken.length}}`);
    if (response.status === 202) taken.push((await response.json()) as Batch);
    return response.status !== 202 && response;
  });
  expect(refusal.status).toBe(503);
  await readyIs("unavailable");
  expect(await readiness()).toMatchObject({ code: 503, checks: { database: { status: "down" } } });
  expect((await get(system.url, client, "/imports")).status).toBe(200);

  disk.empty();
  await readyIs("ok");
  const last = await accepted(system.url, client, '{"n":-1}');
  for (const batch of [...taken, last]) expect(await stored(batch)).toBe(1);
  expect((await batches()).map(({ id }) => id).sort()).toEqual([...taken, last].map(({ id }) => id).sort());
});

test("a read-only database refuses writes, answers reads, and the node is not ready", async () => {
  system = await startSystem({ env: { LOG_LEVEL: "fatal" } });
  client = await newClient(system.url);
  const first = await accepted(system.url, client, '{"n":1}');
  expect(await stored(first)).toBe(1);
  const { sequelize } = (system.broker.getLocalService("batch") as unknown as { database: Database }).database;
  // A transaction has the writing connection for itself.
  await sequelize.transaction((transaction) => sequelize.query("PRAGMA query_only = ON", { transaction }));
  expect((await post(system.url, client, '{"n":2}')).status).toBe(503);
  await readyIs("unavailable");
  expect((await batches()).map(({ id }) => id)).toEqual([first.id]);
});

test("after its database file is deleted a node accepts nothing, and is not ready", async () => {
  system = await startSystem({ env: { LOG_LEVEL: "fatal" } });
  client = await newClient(system.url);
  await accepted(system.url, client, '{"n":1}');
  await readyIs("ok");
  rmSync(join(system.folder, "test.db"));
  const refused = await post(system.url, client, '{"n":2}');
  expect([refused.status, await refused.json()]).toMatchObject([503, { code: "unavailable" }]);
  await readyIs("unavailable");
  expect((await fetch(`${system.url}/health/live`)).status).toBe(200);
});
