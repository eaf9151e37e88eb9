import { outcomeOf } from "../../e2e/imported.ts";
import { admin, type Batch, newClient } from "../../helpers/http.ts";
import { batchOf, corrected, counts, fileOf, marked, schema, system, url } from "./corrections.kit.ts";
import { select } from "./kit.ts";

export function recordsComeBackAgain(): void {
  test("a correction of a correction counts at the first batch", async () => {
    const own = await newClient(url, { schema });
    const first = await batchOf(own, "id,n\na,0\nb,0\n");
    const second = await corrected(own, first, (await fileOf(own, first)).bytes.toString().replace("a,0", "a,1"));
    const file = (await fileOf(own, second.id)).bytes.toString().replace("b,0", "b,2");
    const third = await corrected(own, second.id, file);
    expect(third.batch).toMatchObject({ corrects: second.id, status: "completed" });
    expect(await counts(own, first)).toMatchObject({ corrected: 2 });
    // The third batch corrects the rejected records of the second, and thereby those of the first.
    expect([await marked(own, first), await marked(own, second.id)]).toEqual([[1, 2], [2]]);
  });

  test("a record that was rejected again is delivered once, whichever of the batches is corrected", async () => {
    const own = await newClient(url, { schema });
    const first = await batchOf(own, "id,n\na,0\nb,0\nc,0\n");
    const file = (await fileOf(own, first)).bytes.toString();
    const second = await corrected(own, first, file);
    const again = (await fileOf(own, second.id)).bytes.toString();
    const third = await corrected(own, second.id, again.replace("a,0", "a,1"));
    const last = (await fileOf(own, third.id)).bytes.toString();
    expect((await corrected(own, third.id, last.replace("b,0", "b,1"))).data).toEqual([{ id: "b", n: 1 }]);
    const direct = await corrected(own, first, file.replaceAll(",0\r", ",2\r"));
    expect(direct.data).toEqual([{ id: "c", n: 2 }]);
    for (const [id, body] of [
      [direct.id, (await fileOf(own, direct.id)).bytes.toString()],
      [second.id, again.replaceAll(",0\r", ",3\r")],
    ] as const)
      expect((await corrected(own, id, body)).data).toEqual([]);
    expect(await counts(own, first)).toMatchObject({ corrected: 3 });
  });

  test("with unique keys, many chunks and rejectBatch: each record once", async () => {
    const own = await newClient(url, { schema, uniqueKey: "id", chunkRecords: 2 });
    const rows = Array.from({ length: 7 }, (_, i) => `k${i},0`);
    const first = await batchOf(own, `id,n\nk3,1\n${rows.join("\n")}\n`);
    const file = (await fileOf(own, first)).bytes.toString().replaceAll(",0\r", ",1\r");
    const { batch } = await corrected(own, first, file);
    expect(batch.counts).toMatchObject({ accepted: 6, duplicate: 1, rejected: 0 });
    expect(await counts(own, first)).toMatchObject({ corrected: 6 });

    const whole = await newClient(url, { schema, onInvalid: "rejectBatch" });
    const failed = await batchOf(whole, "id,n\na,0\nb,0\n");
    const twice = (await fileOf(whole, failed)).bytes.toString().replace("a,0", "a,1");
    expect((await corrected(whole, failed, twice)).batch).toMatchObject({ status: "failed", counts: { accepted: 0 } });
    expect((await corrected(whole, failed, twice.replace("b,0", "b,1"))).batch).toMatchObject({
      counts: { accepted: 2 },
    });
    expect(await counts(whole, failed)).toMatchObject({ corrected: 2 });
  });

  test("a correction that comes again takes no unique key, and its keys last as long as the errors", async () => {
    const own = await newClient(url, { schema, uniqueKey: "id", uniqueKeyDays: 1, retentionDays: 9 });
    const first = await batchOf(own, '{"id":"a","n":0}', "application/x-ndjson");
    const fixed = await corrected(own, first, '{"_record":1,"id":"a","n":1}', "application/x-ndjson");
    // The commit of the keys and the commit of the batch read the clock one after another.
    const kept = await select<{ ms: number }>(
      system,
      `SELECT ends_at - committed.finished_at AS ms FROM record_key JOIN batch AS committed ON committed.id = batch_id
      WHERE committed.public_id = '${fixed.id}'`,
    );
    expect(kept.map(({ ms }) => Math.round(ms / 86_400_000))).toEqual([9, 9]);
    const again = await corrected(own, first, '{"_record":1,"id":"b","n":1}', "application/x-ndjson");
    expect(again.errors.map(({ errors: [fault] }) => fault?.code)).toEqual(["not-rejected"]);
    const later = await outcomeOf(url, own, await batchOf(own, '{"id":"b","n":1}', "application/x-ndjson"));
    expect(later.batch).toMatchObject({ counts: { accepted: 1, duplicate: 0 } });
  });

  test("two corrections at the same time deliver each record once", async () => {
    const own = await newClient(url, { schema, dedup: "allow", maxConcurrentBatches: 4 });
    const rows = Array.from({ length: 50 }, (_, i) => `k${i},0`);
    const first = await batchOf(own, `id,n\n${rows.join("\n")}\n`);
    const file = (await fileOf(own, first)).bytes.toString().replaceAll(",0\r", ",1\r");
    const both = await Promise.all([corrected(own, first, file), corrected(own, first, file)]);
    expect(both.flatMap(({ data }) => data)).toHaveLength(50);
    expect(await counts(own, first)).toMatchObject({ corrected: 50 });
  });

  test("what a retry delivers cannot be corrected, and what was corrected is not retried", async () => {
    const own = await newClient(url, { schema });
    const first = await batchOf(own, "id,n\na,0\nb,-1\n");
    const file = (await fileOf(own, first)).bytes.toString();
    await corrected(own, first, file.replace("a,0", "a,1").replace(/2,.*b,-1\r\n/, ""));
    const schemaPatch = { properties: { n: { minimum: null } } };
    const laxer = { method: "PATCH", body: JSON.stringify({ schema: schemaPatch }), headers: { "if-match": "*" } };
    expect((await admin(url, `/clients/${own.id}/policy`, laxer)).status).toBe(200);
    const again = await fetch(`${url}/imports/${first}/retry?only=rejected`, {
      method: "POST",
      headers: { authorization: own.auth },
    });
    const { id, retryOf } = (await again.json()) as Batch & { retryOf: string };
    const { records, errors } = await outcomeOf(url, own, id);
    expect(retryOf).toBe(first);
    expect(records.map(({ data }) => data)).toEqual([{ id: "b", n: -1 }]);
    expect(errors).toMatchObject([{ record: 1, errors: [{ code: "not-rejected" }] }]);
    expect(await counts(own, first)).toMatchObject({ corrected: 2 });
    const late = await corrected(own, first, file.replace("b,-1", "b,2"));
    expect(late.errors).toMatchObject([1, 2].map(() => ({ errors: [{ code: "not-rejected" }] })));
  });
}
