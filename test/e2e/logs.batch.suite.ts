/** What the log says about a batch: its end, its failed attempts, and its webhooks. */
import { accepted, newClient, type TestClient } from "../helpers/http.ts";
import type { Logged } from "../helpers/logged.ts";
import { startReceiver } from "../helpers/receiver.ts";
import type { System } from "../helpers/system.ts";

interface At {
  system: System;
  url: string;
  client: TestClient;
  logged: Logged;
}

const id = (requestId: string) => ({ "x-request-id": requestId });

/** `at`: the system and client of the running test. */
export function batchLines(at: () => At): void {
  describe("the life of a batch", () => {
    const failing = async () => {
      throw new Error("no\u001b[2J\nstock");
    };

    test("is read by its id, or by the request that it came by", async () => {
      const { client, logged, url } = at();
      const { id: batchId } = await accepted(url, client, '{"a":1}\n{"b":2}\n', "application/x-ndjson", id("a-life"));
      const end = await logged.line({ batchId, msg: "The batch has ended." });
      expect(end).toMatchObject({
        requestId: "a-life",
        state: "completed_with_errors",
        accepted: 1,
        rejected: 1,
        duplicate: 0,
        mod: "batch",
      });
      const lines = logged.lines().filter((line) => line.requestId === "a-life");
      expect(lines.map(({ mod, batchId: of }) => [mod, of])).toEqual(
        expect.arrayContaining([
          ["access", batchId],
          ["batch", batchId],
        ]),
      );
    });

    test.each([true, false])("has its hold as it arrives, approval %s", async (isApproval) => {
      const { logged, url } = at();
      // An hour that is not now, whenever this runs.
      const hour = (later: number) => `${String((new Date().getUTCHours() + later) % 24).padStart(2, "0")}:00`;
      const window = { from: hour(10), to: hour(11), timeZone: "UTC" };
      const other = await newClient(url, isApproval ? { requiresApproval: true } : { window });
      const requestId = `a-hold-${isApproval}`;
      const { id: batchId } = await accepted(url, other, '{"a":1}\n', "application/x-ndjson", id(requestId));
      const held = await logged.line({ batchId, msg: "The batch is held." });
      const code = isApproval ? "approval" : "window";
      expect(held).toMatchObject({ requestId, state: "held", code, accepted: 0, level: "info", mod: "batch" });
    });

    test("has its failed attempts, in which a handler's words forge no line", async () => {
      const { logged, system, url } = at();
      system.broker.createService({
        name: "shop",
        actions: { book: { importHandler: true, handler: failing } },
      } as never);
      const policy = { handler: "shop.book", maxAttempts: 2, backoff: { type: "fixed", delayMs: 1, maxMs: 1 } };
      const other = await newClient(url, policy);
      const { id: batchId } = await accepted(url, other, '{"a":1}\n', "application/x-ndjson", id("a-failure"));
      const end = await logged.line({ batchId, msg: "The batch has ended." });
      expect(end).toMatchObject({ state: "failed", code: "handler-failed", requestId: "a-failure" });
      const lines = logged.lines().filter((line) => line.requestId === "a-failure" && line.level === "warn");
      expect(lines.map((line) => [line.level, line.batchId])).toEqual([
        ["warn", batchId],
        ["warn", batchId],
      ]);
      expect(lines[0]?.msg).toMatch(/^Chunk 0, attempt 1 failed \(retry\): .*no.*stock$/);
      for (const line of logged.text().split("\n")) if (line.includes(batchId)) expect(line).toContain('"requestId":"');
      expect(logged.text()).not.toContain("\u001b");
    });
  });

  test("a webhook that is given up has a line with its batch, and nothing of its URL", async () => {
    const { logged, url } = at();
    const { url: hook, close } = await startReceiver(() => 410);
    const webhook = { url: `${hook}?token=hunter3`, events: ["batch.completed"] };
    const other = await newClient(url, { webhook });
    const { id: batchId } = await accepted(url, other, '{"a":1}\n', "application/x-ndjson", id("a-hook"));
    const line = await logged.line({ batchId, mod: "webhook" });
    expect(line).toMatchObject({
      level: "warn",
      msg: "The webhook failed and is given up.",
      requestId: "a-hook",
      event: "batch.completed",
      attempt: 1,
      status: 410,
      error: "gone (410): the webhook is turned off",
      deliveryId: expect.any(String),
      ms: expect.any(Number),
    });
    expect(logged.text()).not.toContain("hunter3");
    await close();
  });
}
