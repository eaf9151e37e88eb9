/**
 * The promise: a client uploads to each of its datasets as to /imports, and a batch keeps the version that it was accepted under.
 */
import { accepted, batchWhen, get, lines, newClient } from "../helpers/http.ts";
import { metrics } from "../helpers/metrics.ts";
import { asked, type Json, startAdmin, url } from "./admin.kit.ts";
import { codeOf, gone, granted, grantPath, made, orders, ownOf, send, sent } from "./datasets.kit.ts";

startAdmin();

describe("a client", () => {
  test("sees what it may send, and nothing of the inside", async () => {
    const name = await made();
    const client = await granted(name, { maxErrors: 9 });
    const { items } = (await ownOf(client, "/datasets")) as { items: Json[] };
    expect(items).toEqual([
      expect.objectContaining({ name: "default", description: null }),
      {
        name,
        description: orders.description,
        formats: orders.formats,
        links: {
          self: `/datasets/${name}`,
          imports: `/datasets/${name}/imports`,
          template: `/datasets/${name}/template`,
        },
      },
    ]);
    const own = await ownOf(client, `/datasets/${name}`);
    expect(own).toMatchObject({ name, maxErrors: 9, schema: orders.schema });
    for (const field of [
      "handler",
      "handlerTimeoutMs",
      "chunkRecords",
      "maxAttempts",
      "backoff",
      "retentionDays",
      "rate",
    ])
      expect(own).not.toHaveProperty(field);
    expect(await ownOf(client, "/datasets/default")).toMatchObject({ name: "default", schema: {} });
    expect((await get(url, client, "/datasets/never")).status).toBe(404);
    expect((await get(url, await newClient(url), `/datasets/${name}`)).status).toBe(404);
  });

  test("sees whether the rules have changed since a batch was taken, of its dataset and of its own policy", async () => {
    const name = await made();
    const client = await granted(name);
    const { id } = await sent(client, name, '{"order_id":"a"}');
    const path = `/imports/${id}/rules`;
    const none = { dataset: name, version: { batch: 1, now: 1 }, isKept: true, changes: {} };
    expect(await ownOf(client, path)).toEqual(none);
    expect((await asked("PATCH", `/datasets/${name}`, { maxErrors: 3, retentionDays: 5 })).status).toBe(200);
    expect((await asked("PUT", grantPath(client, name), { maxRecords: 7 })).status).toBe(200);
    const then = { ...none, version: { batch: 1, now: 2 } };
    const seen = { "/maxErrors": [null, 3], "/maxRecords": [expect.any(Number), 7] };
    expect(await ownOf(client, path)).toEqual({ ...then, changes: seen });
    const { body } = await asked("GET", `/batches/${id}/rules`);
    expect(body).toEqual({ ...then, changes: { ...seen, "/retentionDays": [expect.any(Number), 5] } });
    expect((await get(url, await newClient(url), path)).status).toBe(404);

    const own = await accepted(url, client, '{"n":1}');
    expect(await ownOf(client, `/imports/${own.id}/rules`)).toMatchObject({ dataset: "default", changes: {} });
    await asked("PATCH", `/clients/${client.id}/policy`, { maxErrors: 2, weight: 3 });
    const changed = await ownOf(client, `/imports/${own.id}/rules`);
    expect(changed).toMatchObject({ version: { batch: 1, now: 2 }, changes: { "/maxErrors": [null, 2] } });
    expect(Object.keys(changed.changes as Json)).toEqual(["/maxErrors"]);

    await batchWhen(url, client, id);
    expect((await gone(grantPath(client, name))).status).toBe(204);
    const revoked = { dataset: name, version: { batch: 1, now: null }, isKept: true, changes: null };
    expect(await ownOf(client, path)).toEqual(revoked);
  });

  test("sends to its dataset as to /imports; the batch tells which, in all lists", async () => {
    const name = await made();
    const client = await granted(name);
    const batch = await sent(client, name, '{"order_id":"a"}\n{"n":1}');
    expect(batch.dataset).toBe(name);
    const own = await accepted(url, client, '{"n":1}');
    expect(own.dataset).toBe("default");
    expect((await sent(client, "default", '{"n":2}')).dataset).toBe("default");
    expect((await batchWhen(url, client, batch.id)).counts).toMatchObject({ accepted: 1, rejected: 1 });
    const idsOf = async (query: string) =>
      ((await ownOf(client, `/imports?${query}`)).items as { id: string }[]).map(({ id }) => id);
    expect(await idsOf(`dataset=${name}`)).toEqual([batch.id]);
    expect(await idsOf("dataset=default")).toEqual([expect.any(String), own.id]);
    for (const none of ["never", "%00", "NEVER", "a".repeat(300)]) {
      expect(await idsOf(`dataset=${none}`)).toEqual([]);
      expect((await asked("GET", `/batches?dataset=${none}`)).body).toEqual({ items: [], next: null });
    }
    const all = await asked("GET", `/batches?dataset=${name}&client=${client.id}`);
    expect(all.body.items).toMatchObject([{ id: batch.id, dataset: name }]);
    const records = await lines<Json>(get(url, client, `/imports/${batch.id}/records`));
    expect(records).toEqual([{ record: 1, data: { order_id: "a" } }]);
    expect(await codeOf(send(client, name, "{}", { "content-type": "application/json" }))).toEqual([
      415,
      "unsupported-media-type",
    ]);
    expect(await codeOf(send(client, "never", "{}"))).toEqual([404, "not-found"]);
    expect(await codeOf(send(await newClient(url), name, "{}"))).toEqual([404, "not-found"]);
  });

  test("is counted by dataset", async () => {
    const name = await made();
    const client = await granted(name);
    const { id } = await sent(client, name, '{"order_id":"a"}\n{"n":1}');
    await batchWhen(url, client, id);
    await accepted(url, client, '{"n":1}').then((own) => batchWhen(url, client, own.id));
    const counted = await metrics(url);
    const labels = `dataset="${name}"`;
    expect(counted.get(`dataflow_batches_total{outcome="completed_with_errors",${labels}}`)).toBe(1);
    expect(counted.get(`dataflow_records_total{outcome="accepted",${labels}}`)).toBe(1);
    expect(counted.get(`dataflow_records_total{outcome="rejected",${labels}}`)).toBe(1);
    expect(counted.get('dataflow_batches_total{outcome="completed",dataset="default"}')).toBeGreaterThan(0);
  });

  test("uses an idempotency key for one dataset", async () => {
    const [name, other] = [await made(), await made()];
    const client = await granted(name);
    await asked("PUT", grantPath(client, other), {});
    const key = { "idempotency-key": "k" };
    const body = '{"order_id":"a"}';
    const { id } = await sent(client, name, body, key);
    expect(await (await send(client, name, body, key)).json()).toMatchObject({ id });
    for (const wrong of [other, "default"])
      expect(await codeOf(send(client, wrong, body, key))).toEqual([422, "idempotency-key-reused"]);
  });

  test("has unique keys and contents within each dataset", async () => {
    const document = { uniqueKey: "order_id", dedup: "reject" };
    const [name, other] = [await made(document), await made(document)];
    const client = await granted(name, {}, document);
    await asked("PUT", grantPath(client, other), {});
    const body = '{"order_id":"a"}';
    for (const dataset of [name, other, "default"]) {
      const { id } = await sent(client, dataset, body);
      expect((await batchWhen(url, client, id)).counts).toMatchObject({ accepted: 1, duplicate: 0 });
      expect(await codeOf(send(client, dataset, body))).toEqual([409, "duplicate-batch"]);
      const again = await sent(client, dataset, `${body}\n`);
      expect((await batchWhen(url, client, again.id)).counts).toMatchObject({ accepted: 0, duplicate: 1 });
    }
    const neighbour = await granted(name);
    const { id } = await sent(neighbour, name, body);
    expect((await batchWhen(url, neighbour, id)).counts).toMatchObject({ accepted: 1 });
  });

  test("has one quota for all of its datasets", async () => {
    const name = await made();
    const client = await granted(name, {}, { recordsPerDay: 2 });
    await accepted(url, client, "{}");
    await sent(client, name, '{"order_id":"a"}');
    expect(await codeOf(send(client, name, '{"order_id":"b"}'))).toEqual([429, "quota-exceeded"]);
  });

  test("whose dataset is taken away can no longer upload or retry, but its batches go on; given back, the dataset works again", async () => {
    const name = await made({ ...orders, uniqueKey: "order_id", dedup: "reject" });
    const client = await granted(name);
    const { id } = await sent(client, name, '{"order_id":"a"}\n{"n":1}');
    await batchWhen(url, client, id);
    expect((await gone(grantPath(client, name))).status).toBe(204);
    expect(await codeOf(send(client, name, '{"order_id":"b"}'))).toEqual([404, "not-found"]);
    const retry = () =>
      fetch(`${url}/imports/${id}/retry?only=rejected`, { method: "POST", headers: { authorization: client.auth } });
    expect(await codeOf(retry())).toEqual([404, "not-found"]);
    expect(await ownOf(client, `/imports/${id}`)).toMatchObject({ dataset: name, status: "completed_with_errors" });
    await asked("PUT", grantPath(client, name), {});
    expect(await codeOf(send(client, name, '{"order_id":"a"}\n{"n":1}'))).toEqual([409, "duplicate-batch"]);
    const again = await sent(client, name, '{"order_id":"a"}');
    expect((await batchWhen(url, client, again.id)).counts).toMatchObject({ duplicate: 1 });
    const retried = await retry();
    expect([retried.status, await retried.json()]).toMatchObject([202, { dataset: name, retryOf: id }]);
  });
});

describe("a batch", () => {
  test("is worked by what it was taken under; a change counts for uploads after it", async () => {
    const name = await made({ requiresApproval: true, schema: { required: ["a"] } });
    const client = await granted(name, { maxErrors: 5 });
    const { id } = await sent(client, name, '{"a":1}\n{"b":1}');
    await asked("PUT", `/datasets/${name}`, { schema: { required: ["b"] } });
    const later = await sent(client, name, '{"a":1}\n{"b":1}\n{"b":2}');
    await asked("POST", `/batches/${id}/approve`);
    expect((await batchWhen(url, client, later.id)).counts).toMatchObject({ accepted: 2, rejected: 1 });
    expect((await batchWhen(url, client, id)).counts).toMatchObject({ accepted: 1, rejected: 1 });
    const [rejected] = await lines<{ raw: string }>(get(url, client, `/imports/${id}/errors`));
    expect(rejected?.raw).toBe('{"b":1}');
  });

  test("takes the client's own fields from its policy", async () => {
    const name = await made({ maxBytes: 100 });
    const client = await granted(name, {}, { formats: ["csv"], maxBytes: 5 });
    expect((await sent(client, name, '{"order_id":"a"}')).format).toBe("ndjson");
    expect(await codeOf(send(client, name, `{"a":"${"x".repeat(200)}"}`))).toEqual([413, "payload-too-large"]);
  });
});
