/** What a node promises when it loses some of its links: nothing waits for a silent link, and no disabled client is let in. */
import { accepted, admin, type Batch, get, lines, newClient, type TestClient } from "../helpers/http.ts";
import { patience, until } from "../helpers/patience.ts";
import type { Cluster } from "./cluster/cluster.ts";
import { type Place, type Server, servers } from "./cluster/place.ts";
import { isLong } from "./seconds.ts";

/** The promised time until a disabled client is refused by a node that gets no events. */
const REFUSED_MS = 6_000;
/**
 * How long until another worker goes on. It includes the lease and the lock (2 s each in this test), the sweep, and the next
 * poll.
 */
const GOES_ON_MS = 10_000;
const SHUTDOWN_MS = 6_000;
/** The promise with default settings. Only a long run tests it, because it takes long. */
const DEAD_WORKER_MS = 45_000;
/** With chunks of 5 records these are enough chunks that a fault comes in the middle of the batch. */
const RECORDS = isLong ? 3_000 : 1_500;

interface Row {
  state: string;
  owner: string | null;
  fence: number;
  version: number;
  next_chunk: number;
}

async function rowOf(cluster: Cluster, { id }: Batch): Promise<Row> {
  const columns =
    "state, b.owner, b.fence, coalesce(w.version, b.version) AS version, coalesce(w.next_chunk, b.next_chunk) AS next_chunk";
  const from = "batch b LEFT JOIN batch_work w ON w.batch_id = b.id";
  return (await cluster.select<Row>(`SELECT ${columns} FROM ${from} WHERE public_id = '${id}'`))[0] as Row;
}

async function ownerOf(cluster: Cluster, batch: Batch): Promise<Place | undefined> {
  const owner = (await rowOf(cluster, batch)).owner?.split(":")[0];
  return cluster.of("worker").find(({ life }) => life.nodeId === owner);
}

/** Waits until some chunks are done, and answers the worker that processes the batch. */
async function under(cluster: Cluster, batch: Batch): Promise<Place> {
  await until(async () => (await rowOf(cluster, batch)).next_chunk > 2, "a worker in the middle of the batch");
  return (await ownerOf(cluster, batch)) as Place;
}

const goesOnElsewhere = (cluster: Cluster, batch: Batch, lost: Place, ms: number) =>
  until(async () => ![undefined, lost].includes(await ownerOf(cluster, batch)), "another worker", ms);

const body = Array.from({ length: RECORDS }, (_, i) => `{"i":${i}}\n`).join("");

export function deadWorkerSuite(cluster: Cluster): void {
  test("with default settings the batch of a dead worker goes on within 45 s", async () => {
    const { at } = cluster.of("api")[0] as Place;
    const client = await newClient(at, { chunkRecords: 5 });
    const batch = await accepted(at, client, body);
    const dead = await under(cluster, batch);
    await dead.end("SIGKILL");
    await goesOnElsewhere(cluster, batch, dead, DEAD_WORKER_MS);
  });
}

export function linksSuite(cluster: Cluster): void {
  describe("a node without its links", () => links(cluster));
}

function links(cluster: Cluster): void {
  const api = (n: number) => cluster.of("api")[n] as Place;

  const faults = {
    cut: (place: Place, server: Server) => place.links[server].shut(),
    frozen: async (place: Place, server: Server) => place.links[server].freeze(),
  };
  test.each(["cut", "frozen"] as const)(
    "(Redis and RabbitMQ, %s) refuses a client that was disabled on another node within 6 s",
    async (how) => {
      const client = await newClient(api(0).at);
      const lost = api(1);
      const status = async () => (await get(lost.at, client, "/imports")).status;
      expect(await status()).toBe(200);
      for (const server of ["redis", "rabbit"] as const) await faults[how](lost, server);
      const path = `/clients/${client.id}`;
      const disabled = await admin(api(0).at, path, { method: "PATCH", body: '{"status":"disabled"}' });
      expect(disabled.status).toBe(200);
      await until(async () => (await status()) === 403, lost.name, REFUSED_MS);
      for (const server of ["redis", "rabbit"] as const) {
        if (how === "cut") await lost.links[server].open();
        else lost.links[server].thaw();
      }
      await cluster.untilWhole();
    },
  );

  async function isWhole(client: TestClient, { id }: Batch): Promise<void> {
    const stored = await lines<{ data: { i: number } }>(get(api(0).at, client, `/imports/${id}/records`));
    expect(stored.map(({ data }) => data.i)).toEqual([...Array(RECORDS).keys()]);
  }

  test("(PostgreSQL, frozen in the middle of a batch) loses the batch to another worker, and writes nothing late", async () => {
    const client = await newClient(api(0).at, { chunkRecords: 5 });
    const batch = await accepted(api(0).at, client, body);
    const frozen = await under(cluster, batch);
    frozen.links.postgres.freeze();
    await goesOnElsewhere(cluster, batch, frozen, GOES_ON_MS);
    await until(async () => (await rowOf(cluster, batch)).state === "completed", "the end of the batch");
    const end = await rowOf(cluster, batch);
    frozen.links.postgres.thaw();
    await cluster.untilWhole();
    await until(() => /The run of the batch was lost/.test(frozen.life.node.logs()), "the frozen worker to let go");
    await isWhole(client, batch);
    expect(await rowOf(cluster, batch)).toEqual(end);
  });

  /** A short run tests only the two losses that delay a stop at the most points. */
  const lossesOfLinks = [
    [["postgres"], "freeze"],
    [servers, "freeze"],
    ...(isLong
      ? ([
          [["redis", "rabbit"], "freeze"],
          [["postgres"], "shut"],
        ] as const)
      : []),
  ] as const;
  test.each(lossesOfLinks)("(%j, %s) still stops within SHUTDOWN_TIMEOUT", async (lost, how) => {
    const client = await newClient(api(0).at, { chunkRecords: 5 });
    const batch = await accepted(api(0).at, client, body);
    const leaving = await under(cluster, batch);
    for (const server of lost) await leaving.links[server][how]();
    const { code, ms } = await leaving.end("SIGTERM");
    expect({ code, isInTime: ms < patience(SHUTDOWN_MS) }).toEqual({ code: 0, isInTime: true });
    expect(leaving.life.node.logs()).not.toMatch(/Not everything closed|nhandled|"fatal"/);
    for (const server of lost) {
      leaving.links[server].thaw();
      if (how === "shut") await leaving.links[server].open();
    }
    leaving.start();
    await cluster.untilWhole();
    await until(async () => (await rowOf(cluster, batch)).state === "completed", "the end of the batch");
    await isWhole(client, batch);
  });
}
