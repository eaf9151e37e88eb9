/**
 * Two nodes that share only the database keep the order of batches, while batches randomly fail, are retried, skipped, redriven
 * and cancelled. One node sometimes forgets to free a place, as if it had died there. ORDER_SEED repeats a run.
 */
import { DatabaseUnavailable } from "../../../database/errors.ts";
import type { HandlerCall } from "../../../services/batchProcessor/batchProcessor.contract.ts";
import { randomBy } from "../../chaos/imports.ts";
import { describePostgres, migratedPostgres, type Schema } from "../../helpers/database.ts";
import { accepted, admin, newClient, type TestClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { type System, startSystem } from "../../helpers/system.ts";
import { handler, row, select, storeOf } from "../batch/kit.ts";

const SEED = Number(process.env.ORDER_SEED ?? Date.now() % 1_000_000);
const CLIENTS = 4;
const BATCHES = 25;

interface Line {
  client: TestClient;
  /** The client's batches in the order of their commits. */
  batches: string[];
  /** The handler's calls in the order of their begin. */
  calls: string[];
  /** Batches whose handler call has no answer yet. */
  open: string[];
  /** Pairs of batches that ran at the same time. */
  overlaps: [string, string][];
}

describePostgres(`batches in order on two nodes (ORDER_SEED=${SEED})`, () => {
  let place: Schema;
  let nodes: [System, System];
  const random = randomBy(SEED);
  const one = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
  const lines = new Map<string, Line>();
  /** Batches that were skipped or cancelled, perhaps before their upload was answered. */
  const disturbed = new Set<string>();
  let isOver = false;

  async function answer({ batchId, clientId }: HandlerCall) {
    const { calls, open, overlaps } = lines.get(clientId) as Line;
    for (const other of open) if (other !== batchId) overlaps.push([other, batchId]);
    calls.push(batchId);
    open.push(batchId);
    await new Promise((resolve) => setTimeout(resolve, random() * 10));
    open.splice(open.indexOf(batchId), 1);
    const luck = isOver ? 1 : random();
    if (luck < 0.15) return { outcome: "fail", reason: "not today" };
    return luck < 0.3 ? { outcome: "retry", reason: "again" } : null;
  }

  beforeAll(async () => {
    place = await migratedPostgres();
    const env = { DATABASE_URL: place.url, SWEEP_INTERVAL: "200ms", POLL_INTERVAL: "50ms", WORKER_CONCURRENCY: "4" };
    const start = () => startSystem({ env, extra: [handler("work", answer).schema] });
    nodes = [await start(), await start()];
  });
  afterAll(async () => {
    jest.restoreAllMocks();
    await Promise.all(nodes.map((node) => node.stop()));
    await place.drop();
  });

  const post = (path: string) => admin(one(nodes).url, path, { method: "POST" });
  const statesOf = (statuses: string) =>
    select<{ id: string; state: string }>(
      nodes[0],
      `SELECT public_id AS id, state FROM batch WHERE state IN (${statuses}) ORDER BY id`,
    );

  /** Skips or cancels a batch. The batch may have another state by then, which is no fault. */
  async function disturb(id: string, action: "skip" | "cancel"): Promise<void> {
    disturbed.add(id);
    expect([200, 409]).toContain((await post(`/batches/${id}/${action}`)).status);
  }

  async function operate(): Promise<void> {
    for (const { id, state } of await statesOf("'failed', 'held', 'processing'")) {
      const luck = random();
      if (state === "failed" && luck < 0.5) expect([200, 409]).toContain((await post(`/batches/${id}/redrive`)).status);
      else if (state === "failed" || luck < 0.02) await disturb(id, "skip");
      else if (luck < 0.04) await disturb(id, "cancel");
    }
  }

  test("each client's batches run one by one, in the order of their commits", async () => {
    const { leaveLane } = storeOf(nodes[1]);
    jest.spyOn(storeOf(nodes[1]), "leaveLane").mockImplementation((id) => {
      if (random() < 0.2) throw new DatabaseUnavailable("The node died here.");
      return leaveLane(id);
    });
    const policy = { handler: "work.run", order: "fifo", maxAttempts: 3, maxConcurrentBatches: 10 };
    for (let n = 0; n < CLIENTS; n++) {
      const client = await newClient(nodes[0].url, { ...policy, backoff: { type: "fixed", delayMs: 20 } });
      lines.set(client.id, { client, batches: [], calls: [], open: [], overlaps: [] });
    }
    const sending = Promise.all(
      [...lines.values()].map(async ({ client, batches }) => {
        for (let n = 0; n < BATCHES; n++) batches.push((await accepted(one(nodes).url, client, `{"n":${n}}`)).id);
      }),
    );
    await until(async () => {
      await operate();
      return [...lines.values()].every(({ batches }) => batches.length === BATCHES);
    });
    await sending;
    isOver = true;
    await until(async () => {
      for (const { id } of await statesOf("'failed'")) await post(`/batches/${id}/redrive`);
      const open = await statesOf("'failed', 'held', 'ready', 'processing', 'received'");
      return open.length === 0;
    });
    await until(async () => (await select(nodes[0], "SELECT 1 FROM order_place")).length === 0);
    for (const line of lines.values()) await expectOrder(line);
  });

  async function expectOrder({ batches, calls, overlaps }: Line): Promise<void> {
    const ends = new Map(await Promise.all(batches.map(async (id) => [id, (await row(nodes[0], id)).state] as const)));
    expect([...new Set(ends.values())].filter((state) => state !== "completed" && state !== "cancelled")).toEqual([]);
    // A cancelled batch counts as ended, whatever its handler still does.
    expect(overlaps.filter((pair) => pair.every((id) => ends.get(id) !== "cancelled"))).toEqual([]);
    const undisturbed = batches.filter((id) => !disturbed.has(id));
    expect(undisturbed.length).toBeGreaterThan(BATCHES / 3);
    const inTurn = calls.filter((id) => !disturbed.has(id)).map((id) => undisturbed.indexOf(id));
    expect(inTurn).toEqual([...inTurn].sort((a, b) => a - b));
    expect(new Set(inTurn).size).toBe(undisturbed.length);
  }
});
