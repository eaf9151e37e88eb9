/** What operators and partners can do with batches that wait in line. */
import { type Batch, newClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { ended, row, select } from "./kit.ts";
import { asked, behind, failing, hanging, inOrder, seen, sent, system, when, worked } from "./order.kit.ts";

const codeOf = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code];

export function operatorsMoveTheLine(): void {
  test("a skipped batch lets the others go on, and comes last after a redrive", async () => {
    const client = await inOrder();
    const gate = hanging();
    let fails = true;
    const one = await sent(client, () => (fails ? failing() : null));
    await when(client, one.id, "failed");
    const two = await sent(client, gate.answer);
    expect(two).toMatchObject(behind(one));
    const skipped = await asked(one.id, "skip");
    expect([skipped.status, await skipped.json()]).toMatchObject([200, { id: one.id, status: "failed" }]);
    await until(() => worked(two).length === 1);
    expect((await asked(one.id, "skip")).status).toBe(200);
    const three = await sent(client);
    fails = false;
    const redriven = await asked(one.id, "redrive");
    expect([redriven.status, await redriven.json()]).toMatchObject([200, behind(two)]);
    expect(await seen(client, three.id)).toMatchObject(behind(two));
    gate.release();
    expect(await ended(system, client, one.id)).toMatchObject({ status: "completed", attempts: 2 });
    expect(worked(one, two, three)).toEqual([one.id, two.id, three.id, one.id]);
  });

  test("a skipped batch goes on at once if no batch is in front of it", async () => {
    const client = await inOrder();
    let fails = true;
    const one = await sent(client, () => (fails ? failing() : null));
    await when(client, one.id, "failed");
    await asked(one.id, "skip");
    fails = false;
    expect(await (await asked(one.id, "redrive")).json()).toMatchObject({ id: one.id, hold: null });
    expect(await ended(system, client, one.id)).toMatchObject({ status: "completed", attempts: 2 });
  });

  test("a batch that waits only for its order is skipped to the end of the line", async () => {
    const client = await inOrder();
    const gate = hanging();
    const one = await sent(client, gate.answer);
    const [two, three] = [await sent(client), await sent(client)];
    expect(await (await asked(two.id, "skip")).json()).toMatchObject({ id: two.id, ...behind(one) });
    gate.release();
    await ended(system, client, two.id);
    expect(worked(one, two, three)).toEqual([one.id, three.id, two.id]);
  });

  test("a batch that waits for approval keeps the others held, and may be approved, rejected, cancelled or skipped", async () => {
    const client = await inOrder({ requiresApproval: true });
    const held = { status: "held", hold: { reason: "approval", until: null } };
    const batches = [];
    for (let n = 0; n < 5; n++) batches.push(await sent(client));
    const [one, two, three, four, five] = batches as [Batch, Batch, Batch, Batch, Batch];
    expect(batches).toMatchObject(Array(5).fill(held));
    // An approved batch behind another one waits for it.
    expect(await (await asked(five.id, "approve")).json()).toMatchObject(behind(one));
    expect(await codeOf(await asked(five.id, "approve"))).toEqual([409, "illegal-state"]);
    expect((await asked(two.id, "approve")).status).toBe(200);
    expect(await (await asked(one.id, "approve")).json()).toMatchObject({ status: "ready" });
    await ended(system, client, two.id);
    expect(await seen(client, five.id)).toMatchObject(behind(three));
    expect((await asked(three.id, "reject")).status).toBe(200);
    await until(async () => ((await seen(client, five.id)) as Batch).hold?.batchId === four.id);
    expect(await (await asked(four.id, "skip")).json()).toMatchObject(held);
    await ended(system, client, five.id);
    expect(await (await asked(four.id, "approve")).json()).toMatchObject({ id: four.id, hold: null });
    await ended(system, client, four.id);
    expect(worked(...batches)).toEqual([one.id, two.id, five.id, four.id]);
  });

  test("no batch waits for a cancelled one, whether that was running, waiting or failed", async () => {
    const client = await inOrder();
    const gate = hanging();
    const one = await sent(client, gate.answer);
    const [two, three] = [await sent(client), await sent(client)];
    await until(() => worked(one).length === 1);
    const cancel = (id: string) =>
      fetch(`${system.url}/imports/${id}/cancel`, { method: "POST", headers: { authorization: client.auth } });
    expect((await cancel(two.id)).status).toBe(200);
    expect((await cancel(one.id)).status).toBe(200);
    expect((await ended(system, client, three.id)).status).toBe("completed");
    gate.release();
    expect(worked(two, three)).toEqual([three.id]);
  });

  test("a window that closed while a batch waited in line holds it, unless an operator has approved it", async () => {
    const closed = () => {
      const hour = (new Date().getUTCHours() + 12) % 24;
      const clock = (of: number) => `${String(of % 24).padStart(2, "0")}:00`;
      return { from: clock(hour), to: clock(hour + 1), timeZone: "UTC" };
    };
    const client = await inOrder({ window: closed() });
    const [one, two, three] = [await sent(client), await sent(client), await sent(client)];
    expect(one).toMatchObject({ status: "held", hold: { reason: "window" } });
    expect(await (await asked(three.id, "approve")).json()).toMatchObject(behind(one));
    // Makes the batch look as if it came in while the window was open.
    const { id } = await row(system, two.id);
    const reason = JSON.stringify({ hold: "order", batchId: one.id });
    await select(system, `UPDATE batch SET reason = '${reason}', due_at = NULL WHERE id = ${id}`);
    await asked(one.id, "approve");
    await ended(system, client, one.id);
    await until(async () => ((await seen(client, two.id)) as Batch).hold?.reason === "window");
    await asked(two.id, "approve");
    await ended(system, client, three.id);
    expect(worked(one, two, three)).toEqual([one.id, two.id, three.id]);
  });

  test("only a failed or held batch of a dataset with an order is skipped", async () => {
    const client = await inOrder();
    const done = await sent(client);
    await ended(system, client, done.id);
    expect(await codeOf(await asked(done.id, "skip"))).toEqual([409, "illegal-state"]);
    const free = await newClient(system.url, { handler: "work.run" });
    const failed = await sent(free, failing);
    await when(free, failed.id, "failed");
    const answer = await asked(failed.id, "skip");
    expect([answer.status, await answer.json()]).toMatchObject([
      409,
      { code: "illegal-state", current: "failed", detail: expect.stringContaining('"order": "none"') },
    ]);
    expect((await asked("0193b2f0-7a10-7c3e-9a53-2f6d1c9be001", "skip")).status).toBe(404);
  });
}
