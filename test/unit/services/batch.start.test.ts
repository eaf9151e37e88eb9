import { define } from "../../../mixins/define.ts";
import { Sweeper } from "../../../services/batch/batch.sweep.ts";
import { RunningUploads } from "../../../services/imports/imports.running.ts";
import { until } from "../../helpers/patience.ts";
import { startNode } from "../contracts/kit.ts";

afterEach(() => jest.restoreAllMocks());

test("no sweep runs before the whole node has started", async () => {
  const sweeps = jest.spyOn(Sweeper.prototype, "run");
  // Another schedule of the same service, which runs less often.
  const touches = jest.spyOn(RunningUploads.prototype, "touch");
  let early: number | undefined;
  const late = define({
    name: "late",
    async started() {
      await until(() => touches.mock.calls.length > 0);
      early = sweeps.mock.calls.length;
    },
  });
  const node = await startNode({
    services: ["clientCache", "policy", "imports", "batch", "outbox"],
    env: { SWEEP_INTERVAL: "100ms", BATCH_LEASE: "1s" },
    extra: [late],
  });
  try {
    expect(early).toBe(0);
    await until(() => sweeps.mock.calls.length > 1);
  } finally {
    await node.stop();
  }
});
