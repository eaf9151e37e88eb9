/** The promise: a batch whose handler was missing goes on, once, when the handler is back. */
import type { ServiceBroker, ServiceSchema } from "moleculer";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import { Snoozed } from "../../../services/batchProcessor/batchProcessor.snoozed.ts";
import { startBroker } from "../contracts/kit.ts";

const batch = { publicId: "b" } as BatchRow;
const outcome = { outcome: "snooze", delayMs: 60_000, awaits: "orders.run" } as const;

let broker: ServiceBroker;
let stop: () => Promise<void>;
let snoozed: Snoozed;
let ended: string[];
/** Called while the batch is handed back. */
let meanwhile: () => unknown;

const batches: ServiceSchema = {
  name: "batch",
  actions: {
    async settle() {
      await meanwhile();
      return batch;
    },
    endSnooze(ctx) {
      ended.push((ctx.params as { batch: BatchRow }).batch.publicId);
    },
  },
};

beforeEach(async () => {
  [ended, meanwhile] = [[], () => {}];
  ({ broker, stop } = await startBroker(batches));
  snoozed = new Snoozed(broker);
});
afterEach(() => stop());

async function handlerComes() {
  const service = broker.createService({ name: "orders", actions: { run: () => null } });
  await broker.waitForServices("orders");
  snoozed.servicesChanged();
  return service;
}

test("when the handler comes, not before, and not again when it comes again", async () => {
  await snoozed.settle(batch, outcome);
  snoozed.servicesChanged();
  expect(ended).toEqual([]);
  await broker.destroyService(await handlerComes());
  await handlerComes();
  expect(ended).toEqual(["b"]);
});

test("when the handler came while the batch was handed back", async () => {
  meanwhile = handlerComes;
  await snoozed.settle(batch, outcome);
  expect(ended).toEqual(["b"]);
});
