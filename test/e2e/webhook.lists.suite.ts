/** Who can see deliveries, find them, and send them again. */
import { admin } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import type { Received } from "../helpers/receiver.ts";
import { type Delivery, deliveries, failing, json, patch, system } from "./webhook.kit.ts";

export function deliveriesAreListed(): void {
  test("a delivery shows what it sends; lists are by client, event and time", async () => {
    const { url, got, client, own } = await failing();
    const [completed, created] = await own();
    expect([completed?.event, created?.event]).toEqual(["batch.completed", "batch.created"]);
    expect(completed).toMatchObject({ clientId: client.id, clientIdentifier: client.identifier, url: `${url}?…` });
    const whole = await json<Delivery & { body: string; headers: Record<string, string | null> }>(
      admin(system.url, `/deliveries/${completed?.id}`),
    );
    const sent = got.find(({ event }) => event.type === "batch.completed") as Received;
    expect(whole).toEqual({ ...completed, body: sent.body, headers: whole.headers });
    for (const [name, value] of Object.entries(whole.headers))
      expect([name, value ?? "made for each"]).toEqual([name, value === null ? "made for each" : sent.headers[name]]);
    expect(Object.keys(whole.headers).sort()).toEqual([
      "content-type",
      "user-agent",
      "webhook-id",
      "webhook-signature",
      "webhook-timestamp",
    ]);
    const ids = async (query: string) => (await deliveries(`client=${client.id}&${query}`)).map(({ id }) => id);
    expect(await ids("event=batch.created")).toEqual([created?.id]);
    expect(await ids("status=delivered")).toEqual([]);
    expect(await ids(`from=${completed?.createdAt}&to=${completed?.createdAt}`)).toContain(completed?.id);
    expect(await ids("from=2099-01-01T00:00:00Z")).toEqual([]);
    expect(await ids("to=2020-01-01T00:00:00Z")).toEqual([]);
    expect(await deliveries("client=nobody-of-this-name")).toEqual([]);
  });

  test("all failed deliveries of a client since a time are replayed: first counted, then sent", async () => {
    const { got, client, own, mend } = await failing();
    const other = await failing(["batch.completed"]);
    const replay = (over: object) =>
      admin(system.url, "/deliveries/replay", {
        method: "POST",
        body: JSON.stringify({ client: client.identifier, since: "2020-01-01T00:00:00Z", ...over }),
      });
    const asked = (over: object) => json<{ examples: Delivery[] }>(replay(over));
    const { examples, ...dry } = await asked({ dryRun: true, status: "failed" });
    expect(dry).toEqual({ matched: 2, isMore: false, done: 0 });
    expect(examples).toEqual(await own());
    expect(await asked({ since: "2099-01-01T00:00:00Z" })).toEqual({
      matched: 0,
      isMore: false,
      examples: [],
      done: 0,
    });
    const before = got.length;
    mend();
    expect(await asked({})).toMatchObject({ matched: 2, isMore: false, done: 2 });
    await until(async () => (await own()).every(({ status }) => status === "delivered"), "both are delivered");
    expect(got).toHaveLength(before + 2);
    expect(await other.own()).toMatchObject([{ status: "failed" }]);
    await patch(client, { webhook: null });
    expect(await (await replay({})).json()).toMatchObject({ status: 409, code: "no-webhook" });
  });

  test("a partner sees and replays its own deliveries, and knows of no others", async () => {
    const { got, client, batchId, own, mend } = await failing();
    const other = await failing(["batch.completed"]);
    const ask = (path: string, method = "GET") =>
      fetch(`${system.url}${path}`, { method, headers: { authorization: client.auth } });
    const listed = await json<{ items: Delivery[]; next: string | null }>(ask(`/deliveries?batch=${batchId}&limit=1`));
    const [{ clientId, clientIdentifier, ...completed }, created] = (await own()) as [Delivery, Delivery];
    expect(listed.items).toEqual([completed]);
    const next = await json<{ items: Delivery[] }>(ask(`/deliveries?batch=${batchId}&limit=1&cursor=${listed.next}`));
    expect(next.items).toMatchObject([{ id: created.id }]);
    expect(await json(ask(`/deliveries/${completed.id}`))).toMatchObject({ ...completed, body: expect.any(String) });
    expect(await json(ask("/deliveries?status=failed&event=batch.created"))).toMatchObject({
      items: [{ id: created.id }],
      next: null,
    });
    const [foreign] = (await other.own()) as [Delivery];
    expect(await json(ask(`/deliveries?batch=${foreign.batchId}`))).toEqual({ items: [], next: null });
    const unknown = "0193b2f0-0000-7000-8000-000000000000";
    for (const [method, more] of [
      ["GET", ""],
      ["POST", "/replay"],
    ] as const) {
      const answers = [foreign.id, unknown].map((id) =>
        json<Record<string, unknown>>(ask(`/deliveries/${id}${more}`, method)),
      );
      const [one, another] = await Promise.all(answers);
      expect(one).toMatchObject({ status: 404, code: "not-found" });
      expect(one).toEqual(another);
    }
    expect(await other.own()).toEqual([foreign]);
    for (const query of ["client=x", "status=sent", "from=now", `cursor=${"a".repeat(56)}`])
      expect((await ask(`/deliveries?${query}`)).status).toBe(422);
    const before = got.length;
    mend();
    expect(await json(ask(`/deliveries/${completed.id}/replay`, "POST"))).toMatchObject({ id: completed.id });
    await until(() => got.length > before, "it is sent again");
    const rotated = ask("/account/rotate-secret", "POST");
    expect(await json(rotated)).toMatchObject({ status: 403, code: "forbidden" });
    const audit = await json<{ items: object[] }>(admin(system.url, `/audit?subject=${completed.id}`));
    expect(audit.items).toMatchObject([{ who: client.identifier, role: "partner", action: "delivery.replay" }]);
  });

  test("deliveries are listed in pages; a wrong query is refused", async () => {
    type Page = { items: Delivery[]; next: string | null };
    const first = await json<Page>(admin(system.url, "/deliveries?limit=2"));
    expect(first.items).toHaveLength(2);
    const second = await json<Page>(admin(system.url, `/deliveries?limit=2&cursor=${first.next}`));
    expect(second.items[0]?.id).not.toBe(first.items[1]?.id);
    expect(await deliveries("batch=nobody")).toEqual([]);
    for (const query of [
      "status=sent",
      "limit=0",
      "cursor=x",
      "client=1&x=1",
      "batch=a&batch=b",
      "event=sent",
      "from=now",
      "to=2026-01-01",
    ])
      expect((await admin(system.url, `/deliveries?${query}`)).status).toBe(422);
    expect((await admin(system.url, "/deliveries/nobody/replay", { method: "POST" })).status).toBe(404);
    expect((await fetch(`${system.url}/admin/deliveries`)).status).toBe(401);
  });
}
