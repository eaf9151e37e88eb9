import { takeToken } from "../../../services/batchProcessor/batchProcessor.tokens.ts";

describe("a token", () => {
  test("names its batch once: a slot that frees later goes to the batch that has waited longest", async () => {
    const told: unknown[] = [];
    let looks = 0;
    const loop = {
      wake: async (first?: unknown) => void told.push(first),
      freesWithin: async () => true,
      get free() {
        return looks++ === 0 ? 0 : 1;
      },
    };
    const ack = jest.fn();
    const message = { content: { batchId: "b", id: 7, fence: 2 } };
    await takeToken({ loop, isStopping: false, pauseAMQPQueue: async () => {} }, { ack }, message);
    const unit = { batches: [{ id: 7, publicId: "b", fence: 2 }], isGroup: false };
    expect(told).toEqual([unit, undefined]);
    expect(ack).toHaveBeenCalledTimes(1);
  });
});
