/** The promise: an upload that two nodes receive is one batch, and an upload to a killed node can be sent again. */
import { newClient, post, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import type { Cluster } from "./cluster/cluster.ts";
import type { Place } from "./cluster/place.ts";
import { begun, key, listed, long, outcomeOf, RUNNING, sentAgain } from "./uploads.ts";

const NOTHING_RECEIVING = "SELECT NOT EXISTS (SELECT 1 FROM batch WHERE state = 'receiving')";

export function uploadsSuite(cluster: Cluster): void {
  describe("that receives uploads at the same moment", () => uploads(cluster));
}

function uploads(cluster: Cluster): void {
  let nodes: [Place, Place];
  let client: TestClient;
  beforeAll(() => {
    nodes = cluster.of("api") as typeof nodes;
  });

  /** Sends the same upload ten times at once, in turns to both nodes. */
  const tenTimes = (body: string, headers: Record<string, string> = {}) =>
    Promise.all(
      Array.from({ length: 10 }, async (_, i) =>
        outcomeOf(await post((nodes[i % 2] as Place).at, client, body, undefined, headers)),
      ),
    );

  test.each([
    ["small", '{"a":1}'],
    ["large", long],
  ])("ten %s uploads with one key at the same moment become one batch", async (_name, body) => {
    client = await newClient(nodes[0].at, { chunkRecords: 100 });
    const all = await tenTimes(body, key);
    const first = all.filter(({ status, isReplayed }) => status === 202 && !isReplayed);
    expect(first).toHaveLength(1);
    for (const one of all) if (one.status !== 409) expect(one).toMatchObject({ status: 202, id: first[0]?.id });
    for (const { at } of nodes) {
      expect(await listed(at, client)).toEqual([first[0]?.id]);
      expect(await outcomeOf(await post(at, client, body, undefined, key))).toEqual({ ...first[0], isReplayed: true });
    }
  });

  test.each([
    ["small", '{"a":1}'],
    ["large", long],
  ])("with dedup, ten equal %s uploads at the same moment become one batch", async (_name, body) => {
    client = await newClient(nodes[0].at, { chunkRecords: 100, dedup: "returnExisting" });
    const all = await tenTimes(body);
    expect(all.map(({ status }) => status).sort()).toEqual([...Array(9).fill(200), 202]);
    expect(new Set(all.map(({ id }) => id)).size).toBe(1);
    client = await newClient(nodes[0].at, { chunkRecords: 100, dedup: "reject" });
    expect((await tenTimes(body)).map(({ status }) => status).sort()).toEqual([202, ...Array(9).fill(409)]);
    expect(await listed(nodes[1].at, client)).toHaveLength(1);
  });

  test("both nodes count against the same quota of a day", async () => {
    client = await newClient(nodes[0].at, { recordsPerDay: 4 });
    expect((await tenTimes('{"a":1}')).map(({ status }) => status).sort()).toEqual([
      ...Array(4).fill(202),
      ...Array(6).fill(429),
    ]);
  });

  test("after a node is killed in an upload, its key is free on the other node and nothing of it is left", async () => {
    client = await newClient(nodes[0].at, { chunkRecords: 100 });
    const first = begun(nodes[0].at, client);
    await until(() => cluster.isTrue(RUNNING), "the first one has its key", 5_000);
    expect((await post(nodes[1].at, client, long, undefined, key)).status).toBe(409);
    await nodes[0].end("SIGKILL");
    await first;
    const second = await outcomeOf(await sentAgain(nodes[1].at, client));
    expect(second).toMatchObject({ status: 202, isReplayed: false });
    expect(await listed(nodes[1].at, client)).toEqual([second.id]);
    await until(() => cluster.isTrue(NOTHING_RECEIVING), "the first one is wiped");
    nodes[0].start();
    await cluster.untilWhole();
    expect(await outcomeOf(await post(nodes[0].at, client, long, undefined, key))).toEqual({
      ...second,
      isReplayed: true,
    });
  });
}
