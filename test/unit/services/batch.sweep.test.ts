/**
 * The promise: a sweep moves due batches on and then wakes the workers. It stops with its node, and pauses without its database.
 */
import { ServiceBroker } from "moleculer";
import { DatabaseUnavailable } from "../../../database/errors.ts";
import { TargetDatabases } from "../../../database/targets/databases.ts";
import { SWEPT } from "../../../services/batch/batch.contract.ts";
import { Elsewhere } from "../../../services/batch/batch.elsewhere.ts";
import type { BatchEvents } from "../../../services/batch/batch.events.ts";
import { BatchFigures } from "../../../services/batch/batch.figures.ts";
import type { PinnedPolicies } from "../../../services/batch/batch.pinned.ts";
import { Sweeper } from "../../../services/batch/batch.sweep.ts";
import { defaultPolicy } from "../../../services/policy/policy.document.ts";
import { freshDatabase, type TestDatabase } from "../../helpers/database.ts";
import { ready } from "../../integration/store/drafts.ts";

let at: TestDatabase;
let sweeper: Sweeper;
const broker = new ServiceBroker({ logger: false });

beforeEach(async () => {
  at = await freshDatabase();
  const { store } = at.db;
  const { logger } = broker;
  const pinned = { of: async () => ({ policy: defaultPolicy, isGone: false }) } as unknown as PinnedPolicies;
  const tables = new TargetDatabases({ own: at.db, databases: [], allowed: [] });
  sweeper = new Sweeper({
    store,
    leaseMs: 30_000,
    figures: new BatchFigures(broker),
    pinned,
    tables,
    elsewhere: new Elsewhere({ tables, store, pinned, logger }),
    events: { ready: async () => [] } as unknown as BatchEvents,
    announce() {},
    wakeWorkers() {},
    evaluate: async () => ({ decision: "ready" }),
    follow() {},
    broker,
    logger,
    clock: { look: async () => {}, wentIn: () => false },
  });
});
afterEach(async () => {
  jest.restoreAllMocks();
  await at.remove();
});

/** Two that waited for a window, which is open. */
const opened = () => Promise.all([1, 2].map((clientId) => ready(at.db.store, clientId, { state: "held" })));
const held = async () => (await at.db.store.list({ state: "held", limit: 9 })).length;

test("workers look after it, and find what an operator's SQL made ready too", async () => {
  const { store, sequelize } = at.db;
  const { id } = await ready(store, 1);
  await sequelize.query("UPDATE client_queue SET due_at = NULL");
  const found = new Promise((resolve) => broker.localBus.once(SWEPT, () => resolve(store.candidates(9))));
  await sweeper.run();
  expect(await found).toMatchObject([{ id }]);
});

test("it fails at the first step when the database is away: the next sweep tries all", async () => {
  await opened();
  const away = new DatabaseUnavailable("away");
  const move = jest.spyOn(at.db.store, "move").mockRejectedValue(away);
  await expect(sweeper.run()).rejects.toBe(away);
  expect(move).toHaveBeenCalledTimes(1);
  move.mockRestore();
  await sweeper.run();
  expect(await held()).toBe(0);
});

test("it ends after the current step when its node stops", async () => {
  await opened();
  const { store } = at.db;
  const move = store.move.bind(store);
  jest.spyOn(store, "move").mockImplementation((one) => {
    sweeper.end();
    return move(one);
  });
  await sweeper.run();
  expect(await held()).toBe(1);
});

test("what it cannot move on has a line with the batch and its request, as the batches of a lane behind one have", async () => {
  const { store } = at.db;
  const about = await ready(store, 1, { state: "held" });
  const lane = { clientId: 1, lane: "orders:1", batchId: 1, isOver: false };
  const stalled = { ...lane, publicId: about.publicId, requestId: "of-the-lane" };
  jest.spyOn(store, "move").mockRejectedValue(new Error("refused"));
  jest.spyOn(store, "stalledLanes").mockResolvedValueOnce([stalled]);
  jest.spyOn(store, "laneState").mockRejectedValue(new Error("refused"));
  const warned = jest.spyOn(broker.logger, "warn").mockImplementation(() => {});
  await sweeper.run();
  const told = warned.mock.calls.map(([text, , fields]) => [text, fields]);
  const { publicId: batchId, requestId } = about;
  expect(told).toEqual([
    [
      "The sweep could not move the batch (held), it tries again:",
      { values: { batchId, requestId: requestId ?? undefined } },
    ],
    [
      "The sweep could not move the batches behind the batch, it tries again:",
      { values: { batchId, requestId: "of-the-lane" } },
    ],
  ]);
});
