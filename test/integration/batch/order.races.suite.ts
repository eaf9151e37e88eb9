/** What happens to a line between two steps: another batch ends, enters or is approved, or the node dies. */
import { admin, type Batch } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { ended, row, select, storeOf } from "./kit.ts";
import { asked, behind, failing, hanging, inOrder, sent, sweep, system, when, worked } from "./order.kit.ts";

export function nothingIsLeftBehind(): void {
  test("the sweep moves on what a dead node has left, also after several ends of one client", async () => {
    const client = await inOrder();
    const ids = [];
    for (let n = 0; n < 3; n++) {
      const { id } = await sent(client, failing);
      ids.push((await row(system, id)).id);
      if (n === 0) await when(client, id, "failed");
    }
    const last = await sent(client);
    // The ends of these batches are stored, but no node has acted on them.
    await select(system, `UPDATE batch SET state = 'cancelled' WHERE id IN (${ids.join()})`);
    await sweep();
    expect((await ended(system, client, last.id)).status).toBe("completed");
    await until(async () => (await select(system, "SELECT 1 FROM order_place")).length === 0);
  });

  test("a batch goes on if the one in front ends while it is committed", async () => {
    const client = await inOrder({ requiresApproval: true });
    const one = await sent(client);
    const store = storeOf(system);
    const { laneState } = store;
    await admin(system.url, `/clients/${client.id}/policy`, { method: "PATCH", body: '{"requiresApproval":null}' });
    jest.spyOn(store, "laneState").mockImplementationOnce(async (lane) => {
      const state = await laneState(lane);
      await asked(one.id, "reject");
      return state;
    });
    const two = await sent(client);
    expect(two).toMatchObject(behind(one));
    expect((await ended(system, client, two.id)).status).toBe("completed");
  });

  test("a batch is held if another one enters the lane first, while it is committed", async () => {
    const client = await inOrder();
    const store = storeOf(system);
    const { laneState } = store;
    const gate = hanging();
    let one: Batch | undefined;
    jest.spyOn(store, "laneState").mockImplementationOnce(async (lane) => {
      const state = await laneState(lane);
      one = await sent(client, gate.answer);
      return state;
    });
    const two = await sent(client);
    expect(two).toMatchObject(behind(one as Batch));
    gate.release();
    await ended(system, client, two.id);
    expect(worked(one as Batch, two)).toEqual([one?.id, two.id]);
  });

  test("a batch goes on if the one in front ends while it is approved", async () => {
    const client = await inOrder({ requiresApproval: true });
    const [one, two] = [await sent(client), await sent(client)];
    const store = storeOf(system);
    const { fronts } = store;
    jest.spyOn(store, "fronts").mockImplementationOnce(async (ids) => {
      const found = await fronts(ids);
      await asked(one.id, "reject");
      return found;
    });
    expect((await asked(two.id, "approve")).status).toBe(200);
    expect((await ended(system, client, two.id)).status).toBe("completed");
  });
}
