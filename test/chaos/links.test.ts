/** What single links promise, where a whole node loses them: nothing waits for a silent one, and nobody is let in by it. */
import { until } from "../helpers/amqp.ts";
import { accepted, admin, type Batch, get, lines, newClient, type TestClient } from "../helpers/http.ts";
import { Cluster, everyServer } from "./cluster/cluster.ts";
import type { Place } from "./cluster/place.ts";

/** The promise, for a client that was disabled while a node hears nothing. */
const REFUSED_MS = 6_000;
/** Leases and locks are 2 s here: with the sweep, the lock of a worker that does not know yet, and the next poll. */
const GOES_ON_MS = 10_000;
const RECORDS = 8_000;

everyServer("a node without its links", () => {
  const cluster = new Cluster(["api", "api", "api", "worker", "worker"], {
    BATCH_LEASE: "2s",
    REDIS_LOCK_TIMEOUT: "2s",
    SWEEP_INTERVAL: "500ms",
    POLL_INTERVAL: "1s",
    WORKER_CONCURRENCY: "1",
  });
  const api = (n: number) => cluster.of("api")[n] as Place;

  beforeAll(() => cluster.open(), 60_000);
  afterAll(() => cluster.close(), 60_000);

  test("to Redis and RabbitMQ, cut or frozen, refuses a client that was disabled elsewhere within 6 s", async () => {
    const client = await newClient(api(0).at);
    const statusAt = async (place: Place) => (await get(place.at, client, "/imports")).status;
    const [, cut, frozen] = cluster.of("api") as [Place, Place, Place];
    for (const place of [cut, frozen]) expect(await statusAt(place)).toBe(200);
    for (const server of ["redis", "rabbit"] as const) {
      await cut.links[server].shut();
      frozen.links[server].freeze();
    }
    const disabled = await admin(api(0).at, `/clients/${client.id}`, {
      method: "PATCH",
      body: '{"status":"disabled"}',
    });
    expect(disabled.status).toBe(200);
    await Promise.all(
      [cut, frozen].map((place) => until(async () => (await statusAt(place)) === 403, place.name, REFUSED_MS)),
    );
    for (const server of ["redis", "rabbit"] as const) {
      await cut.links[server].open();
      frozen.links[server].thaw();
    }
    await cluster.untilWhole();
  }, 60_000);

  const rowOf = async ({ id }: Batch) =>
    (
      await cluster.select<Row>(`SELECT state, owner, fence, version, next_chunk FROM batch WHERE public_id = '${id}'`)
    )[0] as Row;
  const ownerOf = async (batch: Batch) => {
    const owner = (await rowOf(batch)).owner?.split(":")[0];
    return cluster.of("worker").find(({ life }) => life.nodeId === owner);
  };

  async function under(batch: Batch): Promise<Place> {
    await until(async () => (await rowOf(batch)).next_chunk > 2, "a worker in the middle of the batch");
    return (await ownerOf(batch)) as Place;
  }

  async function isWhole(client: TestClient, { id }: Batch): Promise<void> {
    const stored = await lines<{ data: { i: number } }>(get(api(0).at, client, `/imports/${id}/records`));
    expect(stored.map(({ data }) => data.i)).toEqual([...Array(RECORDS).keys()]);
  }

  test("to PostgreSQL, frozen in the middle of a batch: another worker goes on, and nothing comes late", async () => {
    const client = await newClient(api(0).at, { chunkRecords: 20 });
    const body = Array.from({ length: RECORDS }, (_, i) => `{"i":${i}}\n`).join("");
    const batch = await accepted(api(0).at, client, body);
    const frozen = await under(batch);
    frozen.links.postgres.freeze();
    await until(async () => ![undefined, frozen].includes(await ownerOf(batch)), "another worker", GOES_ON_MS);
    await until(async () => (await rowOf(batch)).state === "completed", "the end of the batch");
    const end = await rowOf(batch);
    frozen.links.postgres.thaw();
    await cluster.untilWhole();
    await until(() => /is no longer ours|broke off/.test(frozen.life.node.logs()), "the frozen worker to let go");
    await isWhole(client, batch);
    expect(await rowOf(batch)).toEqual(end);
  }, 90_000);
});

interface Row {
  state: string;
  owner: string | null;
  fence: number;
  version: number;
  next_chunk: number;
}
