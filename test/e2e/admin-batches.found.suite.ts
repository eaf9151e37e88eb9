/** Which batches operators and partners find, and what each batch tells of its run. */
import { accepted, admin, type Batch, batchWhen, get, newClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { ADMIN_TOKEN } from "../helpers/system.ts";
import { asked, handler, type Json, system, url } from "./admin.kit.ts";
import { move, windowIn } from "./admin-batches.kit.ts";

export function batchesAreFound(): void {
  test("GET /admin/batches lists batches of all clients with their client, and filters by client and status", async () => {
    const [one, two] = [await newClient(url), await newClient(url, { requiresApproval: true })];
    const done = await accepted(url, one, '{"a":1}');
    await batchWhen(url, one, done.id);
    const waiting = await accepted(url, two, '{"a":1}');
    const listed = async (query: string) => {
      const { body } = await asked("GET", `/batches${query}`);
      return (body.items as Batch[]).map(({ id, clientId }) => [id, clientId]);
    };
    expect(await listed("?limit=2")).toEqual([
      [waiting.id, two.id],
      [done.id, one.id],
    ]);
    expect(await listed(`?client=${one.id}`)).toEqual([[done.id, one.id]]);
    expect(await listed(`?client=${one.id}&status=held`)).toEqual([]);
    expect(await listed(`?client=${two.id}&status=held`)).toEqual([[waiting.id, two.id]]);
    expect(await listed("?client=nobody")).toEqual([]);
    const shown = await asked("GET", `/batches/${done.id}`);
    expect(shown.body).toEqual({
      ...((await (await get(url, one, `/imports/${done.id}`)).json()) as Json),
      clientId: one.id,
      client: { id: one.id, clientIdentifier: expect.any(String), name: expect.any(String) },
      policyVersion: expect.any(Number),
      run: null,
      waits: null,
      waitsUntil: null,
      lastAttempt: null,
      idempotencyKey: null,
      children: [],
      bodyKeptUntil: null,
      expiresAt: expect.any(String),
    });
    const { body: first } = await asked("GET", "/batches?limit=1");
    expect((await asked("GET", `/batches?limit=1&cursor=${first.next}`)).body.items).toMatchObject([{ id: done.id }]);
  });

  test("operators read of any batch what its client reads", async () => {
    const client = await newClient(url, { schema: { properties: { n: { minimum: 1 } } }, keepBodyDays: 1 });
    const { id } = await accepted(url, client, "n\n0\n1\n2\n-1\n", "text/csv");
    await batchWhen(url, client, id);
    const types = { errors: ["application/x-ndjson", "text/csv", "application/json"] };
    for (const report of [
      "errors?field=n&code=minimum&after=1&limit=1",
      "errors/summary",
      "records",
      "rejected",
      "rejected?rows=all",
      "preview?limit=2",
    ])
      for (const accept of types[report.split("?")[0] as "errors"] ?? ["*/*"]) {
        const [own, theirs] = await Promise.all([
          get(url, client, `/imports/${id}/${report}`, { accept }),
          admin(url, `/batches/${id}/${report}`, { headers: { authorization: `Bearer ${ADMIN_TOKEN}`, accept } }),
        ]);
        const [expected, shown] = [await own.text(), await theirs.text()];
        expect([report, theirs.status, theirs.headers.get("content-type"), shown]).toEqual([
          report,
          200,
          own.headers.get("content-type"),
          expected,
        ]);
      }
    const events = await (await admin(url, `/batches/${id}/events`)).text();
    const { body: batch } = await asked("GET", `/batches/${id}`);
    const told = JSON.parse(/^data: (.*)$/m.exec(events)?.[1] ?? "") as Json;
    expect(told).toMatchObject({ id, clientId: client.id, waits: null });
    expect(batch).toMatchObject(told);
    expect((await asked("GET", `/batches/${id}/body`)).status).toBe(404);
  });

  test("batches are found by what one knows of them, by operators among all and by partners among their own", async () => {
    const [one, two] = [await newClient(url), await newClient(url, { requiresApproval: true })];
    const sent = async (client: typeof one, headers: Record<string, string>, body = '{"a":1}') => {
      const type = { authorization: client.auth, "content-type": "application/x-ndjson" };
      const response = await fetch(`${url}/imports`, { method: "POST", headers: { ...type, ...headers }, body });
      return (await response.json()) as Batch;
    };
    const [request, key] = [`nightly-${one.id}`, `orders-${one.id}`];
    const done = await sent(one, { "x-request-id": request, "idempotency-key": key }, '{"a":2}\nx');
    const { checksum } = (await batchWhen(url, one, done.id)) as unknown as { checksum: string };
    const held = await sent(two, { "x-request-id": `${request}-2`, "idempotency-key": key });
    const ids = async (query: string) =>
      ((await asked("GET", `/batches?${query}`)).body.items as Batch[]).map(({ id }) => id);
    const own = async (query: string, client = one) =>
      ((await (await get(url, client, `/imports?${query}`)).json()) as { items: Batch[] }).items.map(({ id }) => id);
    const searched = (q: string) => `q=${encodeURIComponent(q)}`;
    const identifierOf = async ({ id }: typeof one) =>
      (await asked("GET", `/clients/${id}`)).body.clientIdentifier as string;
    const hex = Buffer.from(checksum.slice("sha-256=:".length, -1), "base64").toString("hex");
    for (const q of [done.id, done.id.toUpperCase(), `request:${request}`, checksum, hex])
      expect([q, await ids(searched(q)), await own(searched(q))]).toEqual([q, [done.id], [done.id]]);
    expect(await ids(searched(`key:${key}`))).toEqual([held.id, done.id]);
    expect(await own(searched(`key:${key}`), two)).toEqual([held.id]);
    expect(await own(searched(done.id), two)).toEqual([]);
    // Both ids may be of the same millisecond, and then they begin alike.
    for (const beginning of [8, 11, 13]) expect(await ids(searched(done.id.slice(0, beginning)))).toContain(done.id);
    expect(await ids(searched(await identifierOf(two)))).toEqual([held.id]);
    expect(await ids(`client=${await identifierOf(two)}&status=held,ready&format=ndjson&hasErrors=false`)).toEqual([
      held.id,
    ]);
    const { groups } = (await asked("GET", `/batches/${done.id}/errors/summary`)).body as {
      groups: { code: string }[];
    };
    expect(await ids(`client=${one.id}&hasErrors=true&errorCode=${groups[0]?.code}`)).toEqual([done.id]);
    expect(await ids(`client=${one.id}&errorCode=minimum`)).toEqual([]);
    expect(await ids(`client=${one.id}&finishedFrom=${done.createdAt}&createdFrom=${done.createdAt}`)).toEqual([
      done.id,
    ]);
    expect(await ids(`client=${one.id}&retryOf=${done.id}`)).toEqual([]);
    expect(await own(`createdTo=${done.createdAt}&hasErrors=true&status=completed_with_errors,failed`)).toEqual([
      done.id,
    ]);
    const twice = "status=failed&status=completed_with_errors";
    expect([await own(twice), await ids(`client=${one.id}&${twice}`)]).toEqual([[done.id], [done.id]]);
    expect(await ids(`client=${one.id}&status=failed&status=held,ready`)).toEqual([]);
    expect(await own("createdFrom=2099-01-01T00:00:00Z")).toEqual([]);
    const [first, second] = await ids(`order=oldest&q=key:${key}`);
    expect([first, second]).toEqual([done.id, held.id]);
    const page = (await asked("GET", `/batches?order=oldest&q=key:${key}&limit=1`)).body;
    expect(page.items).toMatchObject([{ id: done.id }]);
    expect(await ids(`order=oldest&q=key:${key}&limit=1&cursor=${page.next}`)).toEqual([held.id]);
    expect((await asked("GET", `/batches?cursor=${page.next}`)).body).toMatchObject({
      errors: [{ pointer: "/cursor" }],
    });
    const counts = async (query: string) => (await asked("GET", `/batches/counts?${query}`)).body;
    expect(await counts(`client=${two.id}&status=held,failed`)).toEqual({
      held: { value: 1, isMore: false },
      failed: { value: 0, isMore: false },
    });
    expect(Object.keys(await counts(`client=${one.id}&status=held&status=ready`))).toEqual(["held", "ready"]);
    expect(await counts(`client=${one.id}`)).toMatchObject({ completed_with_errors: { value: 1 }, held: { value: 0 } });
    expect(await counts("client=nobody&status=held")).toEqual({ held: { value: 0, isMore: false } });
  });

  test("a batch that nothing but its workers keeps waiting says that they are all paused", async () => {
    const { nodeID } = system.broker;
    const client = await newClient(url);
    expect((await asked("POST", `/nodes/${encodeURIComponent(nodeID)}/pause`)).status).toBe(200);
    const { id } = await accepted(url, client, '{"a":1}');
    const shown = async () => (await asked("GET", `/batches/${id}`)).body;
    await until(async () => (await shown()).status === "ready", "the batch is ready");
    expect(await shown()).toMatchObject({ waits: "all workers are paused", waitsUntil: null });
    const { items } = (await asked("GET", `/batches?client=${client.id}`)).body as { items: Json[] };
    expect(items).toMatchObject([{ id, waits: "all workers are paused" }]);
    await asked("POST", `/clients/${client.id}/pause`);
    expect(await shown()).toMatchObject({ waits: "its client is paused" });
    await asked("POST", `/clients/${client.id}/resume`);
    await asked("POST", `/nodes/${encodeURIComponent(nodeID)}/resume`);
    await batchWhen(url, client, id);
    expect(await shown()).toMatchObject({ status: "completed", waits: null });
  });

  test("a batch tells how far its run is, why it waits and until when, what came of it, and how long it is kept", async () => {
    const shown = async (id: string) => (await asked("GET", `/batches/${id}`)).body;
    const approval = await newClient(url, { requiresApproval: true });
    const held = await accepted(url, approval, '{"a":1}');
    expect(await shown(held.id)).toMatchObject({ waits: "an operator has to approve it", waitsUntil: null, run: null });
    const closed = await newClient(url, { window: windowIn(6) });
    const later = await accepted(url, closed, '{"a":1}');
    expect(await shown(later.id)).toMatchObject({ waits: "its window is closed", waitsUntil: later.hold?.until });
    const backoff = { type: "fixed", delayMs: 600_000, maxMs: 600_000 };
    handler.handle = () => Promise.reject(new Error("not today"));
    const failing = await newClient(url, {
      handler: "testing.handle",
      chunkRecords: 1,
      maxAttempts: 2,
      backoff,
      order: "fifo",
    });
    const tried = await accepted(url, failing, '{"a":1}\n{"a":2}');
    const behind = await accepted(url, failing, '{"a":3}');
    await until(async () => (await shown(tried.id)).lastAttempt, "a failed attempt");
    const { run, waits, waitsUntil } = await shown(tried.id);
    expect(waits).toBe("an attempt has failed, and the next one waits");
    expect(Date.parse(String(waitsUntil)) - Date.now()).toBeGreaterThan(400_000);
    expect(run).toEqual({
      node: null,
      phase: "deliver",
      chunk: expect.any(Number),
      chunks: 2,
      attempt: 1,
      maxAttempts: 2,
      nextAt: waitsUntil,
    });
    expect((await shown(behind.id)).waits).toBe(`batch ${tried.id}, which is in front of it, has not ended`);
    await asked("POST", `/clients/${failing.id}/pause`);
    expect(await shown(tried.id)).toMatchObject({ waits: "its client is paused", waitsUntil: null });
    const { items } = (await asked("GET", `/batches?client=${failing.id}`)).body as { items: Json[] };
    expect(items.map(({ id, client, waits }) => [id, (client as Json).id, waits])).toEqual([
      [behind.id, failing.id, expect.stringContaining("in front of it")],
      [tried.id, failing.id, "its client is paused"],
    ]);
    handler.handle = async () => undefined;
    for (const { id } of [held, later, behind, tried]) await move(id, "cancel");
    expect(await shown(tried.id)).toMatchObject({ run: null, waits: null, expiresAt: expect.any(String) });

    const wrong = await newClient(url, { keepBodyDays: 1, retentionDays: 3 });
    const response = await fetch(`${url}/imports`, {
      method: "POST",
      headers: { authorization: wrong.auth, "content-type": "application/x-ndjson", "idempotency-key": "first" },
      body: '{"a":1}\nx',
    });
    const { id } = (await response.json()) as Batch;
    await batchWhen(url, wrong, id);
    const again = await fetch(`${url}/imports/${id}/retry?only=rejected`, {
      method: "POST",
      headers: { authorization: wrong.auth },
    });
    const child = (await again.json()) as Batch;
    const details = await shown(id);
    expect(details).toMatchObject({ idempotencyKey: "first", children: [{ id: child.id, kind: "retry" }] });
    const [ended, body, all] = ["finishedAt", "bodyKeptUntil", "expiresAt"].map((name) =>
      Date.parse(String(details[name])),
    );
    expect([body, all].map((at) => Math.round(((at as number) - (ended as number)) / 86_400_000))).toEqual([1, 3]);
  });

  test("a batch that runs has its node and no next attempt, and the one behind waits for a place of its client", async () => {
    const shown = async (id: string) => (await asked("GET", `/batches/${id}`)).body;
    const go = Promise.withResolvers<void>();
    handler.handle = () => go.promise;
    const client = await newClient(url, { handler: "testing.handle", maxConcurrentBatches: 1 });
    const first = await accepted(url, client, '{"a":1}');
    await batchWhen(url, client, first.id, ({ status }) => status === "processing");
    const second = await accepted(url, client, '{"a":2}');
    const { run, waits, waitsUntil } = await shown(first.id);
    const { nodeID: node } = system.broker;
    expect(run).toMatchObject({ node, phase: "deliver", chunk: 1, chunks: 1, attempt: 1, nextAt: null });
    expect([waits, waitsUntil]).toEqual([null, null]);
    const behind = { waits: "1 of its client's batches run, and it may have 1", waitsUntil: null, run: null };
    expect(await shown(second.id)).toMatchObject(behind);
    const { items } = (await asked("GET", `/batches?client=${client.id}`)).body as { items: Json[] };
    expect(items).toMatchObject([
      { id: second.id, ...behind },
      { id: first.id, run: { node, nextAt: null } },
    ]);
    const told = async (id: string) => {
      const stream = (await admin(url, `/batches/${id}/events`)).body as ReadableStream<Uint8Array>;
      let text = "";
      for await (const part of stream) {
        text += Buffer.from(part);
        if (/^data: .*\n/m.test(text)) break;
      }
      return JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? "") as Json;
    };
    const { client: named, policyVersion } = await shown(first.id);
    expect(await told(first.id)).toMatchObject({ run, waits: null, waitsUntil: null, client: named, policyVersion });
    // Whether there is a free place needs a query, which events do not make.
    const ofSecond = await told(second.id);
    expect(ofSecond).toMatchObject({ status: "ready", run: null, client: named });
    expect(ofSecond).not.toHaveProperty("waits");
    go.resolve();
    handler.handle = async () => undefined;
    await batchWhen(url, client, second.id, ({ status }) => status === "completed");
    expect(await shown(second.id)).toMatchObject({ run: null, waits: null });
  });
}
