/** What lies between units and SQL Server: loading of rows, and reading of results. */

import type { Sql, Staged, Values } from "../../../database/dialects/mssql/sql.ts";
import { mssqlDeliveries, mssqlStore } from "../../../database/dialects/mssql/store.ts";
import { DatabaseUnavailable } from "../../../database/errors.ts";
import { answerColumns } from "../../../database/idempotency.ts";
import type { Written } from "../../../services/batch/batch.writes.domain.ts";
import { chunkCommit, newBatch, upload } from "../../integration/store/drafts.ts";

interface Sent {
  text: string;
  values: Values;
  tables: Staged[];
}

/** A connection that answers or throws `results`, one after another, and notes what it was sent. */
function answering(...results: (unknown[] | Error)[]) {
  const sent: Sent[] = [];
  const staged = async (tables: Staged[], text: string, values: Values = {}) => {
    sent.push({ text, values, tables });
    const result = results.shift() ?? [];
    if (result instanceof Error) throw result;
    return result;
  };
  const all = (text: string, values?: Values) => staged([], text, values);
  const sql = { staged, all, get: async (text: string, values?: Values) => (await all(text, values))[0] };
  return { sent, store: mssqlStore(sql as unknown as Sql), deliveries: mssqlDeliveries(sql as unknown as Sql) };
}

const row = {
  ...newBatch(3),
  id: 7,
  state: "processing",
  owner: "a",
  envelope: '{"header":["a"]}',
  reason: null,
  contentHash: Buffer.alloc(32, 1),
};
const bytes = (text: string) => Buffer.from(text.padStart(64, "0"), "hex");

test("a record's number leaves out the places of errors and of duplicates", async () => {
  const { sent, store } = answering();
  const fault = { index: 1, line: 11, raw: "x\0", errors: [] };
  const unique = { duplicates: [3], keys: `${"0".repeat(63)}1\n\n${"0".repeat(63)}2`, freed: null };
  const batch = { id: 7, nextChunk: 0, fence: 1 } as never;
  await store.commitChunk(
    chunkCommit(batch, [], { firstRecord: 10, records: 5, text: Buffer.from("a\nb\nc"), errors: [fault], unique }),
  );
  expect(sent[0]?.tables.map(({ name, rows }) => [name, rows])).toEqual([
    [
      "#keyed",
      [
        [7, 10, "a", bytes("1")],
        [7, 12, "b", null],
        [7, 14, "c", bytes("2")],
      ],
    ],
    ["#errors", [[7, 11, 0, 11, null, null, null, "x\uFFFD", null, null, null]]],
  ]);
});

test("a commit without rows to load loads none", async () => {
  const { sent, store } = answering();
  const batch = { id: 7, nextChunk: 0, fence: 1 } as never;
  await store.commitChunk(chunkCommit(batch, [], { text: Buffer.from("") }));
  expect(sent[0]?.tables).toEqual([]);
});

test("a chunk with another fence is null; a committed one comes with its events", async () => {
  const { store } = answering(
    [],
    [
      { ...row, event: 21 },
      { ...row, event: 22 },
    ],
  );
  const event = { topic: "batch.completed", body: "{}" };
  const end = { state: "completed", reason: null, due: null, purge: false } as const;
  const commit = chunkCommit({ id: 7, nextChunk: 0, fence: 1 } as never, [], {
    end: { ...end, events: [event, event] },
  });
  expect(await store.commitChunk(commit)).toBeNull();
  const done = await store.commitChunk(commit);
  expect(done?.outbox).toEqual([
    { ...event, id: 21, attempts: 0 },
    { ...event, id: 22, attempts: 0 },
  ]);
  expect(done?.batch).toMatchObject({ id: 7, envelope: { header: ["a"] }, contentHash: "01".repeat(32) });
  expect(done?.batch).not.toHaveProperty("event");
});

test("each batch of a group comes with its own events, and a lost one is null", async () => {
  const { sent, store } = answering([
    { ...row, id: 9, event: 22 },
    { ...row, event: 21 },
  ]);
  const of = (id: number) =>
    chunkCommit({ id, nextChunk: 0, fence: 1 } as never, [], {
      end: { state: "completed", reason: null, due: null, purge: false, events: [{ topic: "t", body: `${id}` }] },
    });
  const settled = await store.commitChunks([of(7), of(8), of(9)]);
  expect(sent).toHaveLength(1);
  const written = settled.map((one) => (one as PromiseFulfilledResult<Written | null>).value);
  expect(written.map((one) => one && [one.batch.id, one.outbox])).toEqual([
    [7, [{ topic: "t", body: "7", id: 21, attempts: 0 }]],
    null,
    [9, [{ topic: "t", body: "9", id: 22, attempts: 0 }]],
  ]);
});

test("if a group fails, each batch is committed by itself, unless the database is away", async () => {
  const of = (id: number) => chunkCommit({ id, nextChunk: 0, fence: 1 } as never);
  const { sent, store } = answering(
    new Error("rule"),
    [{ ...row }],
    new Error("rule"),
    new DatabaseUnavailable("away"),
  );
  const settled = await store.commitChunks([of(7), of(8)]);
  expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  expect(sent).toHaveLength(3);
  await expect(store.commitChunks([of(7), of(8)])).rejects.toThrow("away");
  expect(sent).toHaveLength(4);
});

test("a claim answers its batch, and its chunk if there is one", async () => {
  const chunk = {
    no: 0,
    firstRecord: 1,
    firstLine: null,
    inChunk: 3,
    codec: "none",
    oversized: "[1]",
    body: bytes("9"),
  };
  const none = Object.fromEntries(Object.keys(chunk).map((key) => [key, null]));
  const { store } = answering(
    [{ ...row, records: 60, chunkOf: 7, ...chunk }],
    [{ ...row, records: 60, chunkOf: null, ...none }],
  );
  const claimed = await store.claim(7, "a", 1);
  expect(claimed?.batch).toMatchObject({ id: 7, records: 60 });
  expect(claimed?.chunk).toEqual({
    no: 0,
    firstRecord: 1,
    firstLine: null,
    records: 3,
    codec: "none",
    oversized: [1],
    body: bytes("9"),
  });
  expect((await store.claim(7, "a", 1))?.chunk).toBeNull();
  expect(await store.claim(7, "a", 1)).toBeNull();
});

test("taken keys are answered; a batch that is not ours is null", async () => {
  const { store } = answering([{ lost: null }], [{ lost: bytes("a") }, { lost: bytes("b") }], []);
  const reserve = () => store.reserveKeys(7, 1, 0, [bytes("a").toString("hex")]);
  expect(await reserve()).toEqual([]);
  expect(await reserve()).toEqual([bytes("a").toString("hex"), bytes("b").toString("hex")]);
  expect(await reserve()).toBeNull();
});

test("the stored answer of a key has every column that may change", async () => {
  const { sent, store } = answering([row]);
  const key = { key: "k", keepMs: 1, fingerprint: "0a".repeat(32) };
  await store.commitUpload(upload(3, { key, state: "held", reason: { hold: "approval", until: null } }));
  const [, pieces = ""] = /CONCAT\(@answer, (.*?)\), @now \+ @keepKey/.exec(sent[0]?.text ?? "") ?? [];
  const tail = pieces.replaceAll(
    /CASE WHEN made\.\w+ IS NULL THEN '(null)' ELSE CONCAT\(made\.\w+, ''\) END|'([^']*)'|, /g,
    "$1$2",
  );
  const kept = JSON.parse(`${sent[0]?.values.answer?.value}${tail}`);
  expect(Object.keys(kept.made).sort()).toEqual([...answerColumns].sort());
  expect(kept).toMatchObject({
    status: 202,
    made: { state: "held", reason: '{"hold":"approval","until":null}', chunks: 2 },
  });
});

test("deliveries are listed with their attempts, also without one", async () => {
  const delivery = (id: number) => ({
    id,
    publicId: `d${id}`,
    batchId: "b",
    clientId: 1,
    event: "e",
    state: "failed",
    dueAt: null,
  });
  const listed = (id: number, made: number) => ({ ...delivery(id), made });
  const attempt = (at: number) => ({ deliveryId: 9, no: at, at, status: null, error: "no", ms: at });
  const { deliveries } = answering([listed(9, 2), listed(8, 0)], [attempt(1), attempt(2)]);
  expect(await deliveries.listDeliveries({ limit: 5 })).toEqual([
    { ...delivery(9), attempts: [1, 2].map((at) => ({ at, status: null, error: "no", ms: at })) },
    { ...delivery(8), attempts: [] },
  ]);
});

test("a batch is deleted once nothing of it is left, in pieces that lock no table", async () => {
  const piece = (gone: number) => [{ gone, last: gone === 0 ? null : 9 }];
  const more = [{ first: 1 }];
  const { sent, store } = answering(piece(2), [], [], piece(2_000), more, piece(0), [], piece(1), [], [], piece(1));
  expect(await store.deleteBatch(7, 10_000)).toBe("more");
  const pieces = sent.filter(({ text }) => text.includes("DELETE FROM"));
  expect(pieces.map(({ text }) => text.match(/TOP \(CASE WHEN @limit > 2000 THEN 2000 /g)?.length)).toEqual([1, 1]);
  expect(await store.deleteBatch(7, 10_000)).toBe("done");
  expect(sent.at(-1)?.text).toContain("DELETE FROM batch\n");
});

test("a batch that is not taken is busy, or may not be deleted", async () => {
  const { store } = answering([], [{ id: 7 }], [], [], [], [{ id: 7 }], [], []);
  expect(await store.deleteBatch(7, 10_000)).toBe("busy");
  expect(await store.deleteBatch(7, 10_000)).toBe("done");
  expect(await store.purgeChunks(7, 20, null)).toBe("busy");
  expect(await store.purgeChunks(7, 20, null)).toBe("done");
});
