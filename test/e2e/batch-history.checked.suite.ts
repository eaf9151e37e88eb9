/** Batches that are checked before they deliver: who has committed or approved them. */
import { accepted, type Batch, batchWhen, newClient, type TestClient } from "../helpers/http.ts";
import { asked, type Json, url } from "./admin.kit.ts";
import { audit, by, history, type Item, inShort, own } from "./batch-history.kit.ts";

async function onlyChecked(client: TestClient, body = '{"a":1}'): Promise<string> {
  const sent = await fetch(`${url}/imports?validateOnly=true`, {
    method: "POST",
    headers: { authorization: client.auth, "content-type": "application/x-ndjson" },
    body,
  });
  const { id } = (await sent.json()) as Batch;
  await batchWhen(url, client, id, ({ status }) => status === "validated");
  return id;
}

export function checksHaveEntries(): void {
  test("a check that an operator commits for its client, once, with all that the client would meet", async () => {
    const client = await newClient(url);
    const id = await onlyChecked(client);
    const { name, move } = await by("judy");
    const moved = async (batch: string, reason: string) => {
      const answer = await move(batch, "commit", { reason });
      return [answer.status, (await answer.json()) as Json] as const;
    };
    expect(await moved(id, "They called.")).toMatchObject([202, { id, status: "ready", clientId: client.id }]);
    await batchWhen(url, client, id, ({ status }) => status === "completed");
    expect(await moved(id, "Once more.")).toMatchObject([200, { id, status: "completed" }]);
    const change = { "/status": ["validated", "ready"] };
    expect(await audit(id)).toMatchObject([{ action: "batch.commit", who: name, reason: "They called.", change }]);
    expect(await history(id)).toContainEqual(
      expect.objectContaining({
        from: "validated",
        to: "ready",
        by: { kind: "operator", name },
        reason: "They called.",
      }),
    );

    const same = await onlyChecked(await newClient(url));
    const { body } = await asked("POST", "/batches/actions", { action: "commit", ids: [same, id], dryRun: true });
    expect(body).toMatchObject({ matched: 2, done: 0, refused: [{ id, code: "illegal-state" }] });
    expect((await asked("POST", "/batches/actions", { action: "commit", ids: [same] })).body).toMatchObject({
      done: 1,
    });
    expect(await audit(same)).toMatchObject([{ action: "batch.commit" }]);
  });

  test("a commit by an operator is refused as the client's own is, and then nobody has committed it", async () => {
    const client = await newClient(url);
    const id = await onlyChecked(client);
    await asked("PATCH", `/clients/${client.id}/policy`, { maxBytes: 1 });
    const { move } = await by("mallory");
    expect(((await (await move(id, "commit")).json()) as Json).code).toBe("payload-too-large");
    expect((await history(id)).map(inShort).at(-1)).toBe("processing → validated worker");
    expect(await audit(id)).toEqual([]);
  });

  test("a check that is committed, and a hold by a window that an operator does not wait for", async () => {
    const checked = await newClient(url);
    const id = await onlyChecked(checked);
    expect((await history(id)).map(inShort).at(-1)).toBe("processing → validated worker");
    expect((await own(checked, id, "commit")).status).toBe(202);
    await batchWhen(url, checked, id, ({ status }) => status === "completed");
    const items = (await history(id)).map(inShort);
    const partner = `partner:${checked.identifier}`;
    expect(items[0]).toBe(`null → received ${partner}`);
    expect(items.slice(-3)).toEqual([
      "ready → processing worker",
      `validated → ready ${partner}`,
      "processing → completed worker",
    ]);

    const clock = (ms: number) => new Date(ms).toISOString().slice(11, 16);
    const soon = Date.now() + 6 * 3_600_000;
    const closed = await newClient(url, {
      window: { from: clock(soon), to: clock(soon + 3_600_000), timeZone: "UTC" },
    });
    const held = await accepted(url, closed, '{"a":1}');
    const { until } = (held as unknown as { hold: { until: string } }).hold;
    expect(await history(held.id)).toMatchObject([
      { from: null, to: "held", code: "window", detail: `Until ${until}.`, by: { kind: "partner" } },
    ]);
    const { name, move } = await by("ivan");
    await move(held.id, "approve", { reason: "It is urgent." });
    await batchWhen(url, closed, held.id);
    expect((await history(held.id)).slice(0, 2)).toMatchObject([
      { to: "held", code: "window", detail: `Until ${until}.` },
      { from: "held", to: "ready", by: { kind: "operator", name }, reason: "It is urgent." },
    ]);
  });

  test("a batch that is held after its check, and approved", async () => {
    const client = await newClient(url, { requiresApproval: "afterValidation" });
    const { id } = await accepted(url, client, '{"a":1}');
    await batchWhen(url, client, id, ({ status }) => status === "held");
    expect((await history(id)).at(-1)).toMatchObject({ from: "processing", to: "held", code: "approval" });
    const { name, move } = await by("judy");
    await move(id, "approve", { reason: "It looks well." });
    await batchWhen(url, client, id, ({ status }) => status === "completed");
    const items = await history(id);
    const [hold, approval] = items.slice(items.findIndex(({ to }) => to === "held"));
    expect(hold).toMatchObject({ from: "processing", to: "held", code: "approval" });
    expect([inShort(approval as Item), approval?.reason]).toEqual([`held → ready operator:${name}`, "It looks well."]);
    expect(inShort(items.at(-1) as Item)).toBe("processing → completed worker");
  });
}
