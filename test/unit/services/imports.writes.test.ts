import type { StoredChunk } from "../../../services/batch/batch.domain.ts";
import { ChunkWrites } from "../../../services/imports/imports.writes.ts";

const MIB = 1024 * 1024;

/** Writes that wait until the test ends them. */
function held() {
  const calls: { numbers: number[]; end(error?: Error): void }[] = [];
  const writes = new ChunkWrites((chunks) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    calls.push({ numbers: chunks.map(({ no }) => no), end: (error) => (error ? reject(error) : resolve()) });
    return promise;
  });
  return { calls, writes };
}

const chunk = (no: number, size: number): StoredChunk => ({
  no,
  firstRecord: 1,
  firstLine: 1,
  records: 1,
  codec: "zstd",
  oversized: [],
  body: new Uint8Array(size),
});

/** Waits until all work that can go on by itself has done so. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

test("what was compressed during a write goes together, four at once", async () => {
  const { calls, writes } = held();
  for (let no = 0; no < 6; no++) await writes.add(1, Promise.resolve(chunk(no, 1)));
  await settled();
  expect(calls.map(({ numbers }) => numbers)).toEqual([[0]]);
  calls[0]?.end();
  await settled();
  expect(calls.map(({ numbers }) => numbers)).toEqual([[0], [1, 2, 3, 4]]);
  calls[1]?.end();
  await settled();
  calls[2]?.end();
  await writes.end();
  expect(calls.map(({ numbers }) => numbers)).toEqual([[0], [1, 2, 3, 4], [5]]);
});

test("no more than 4 MiB are under way: of a chunk its bytes, then those of its body, until it is stored", async () => {
  const { calls, writes } = held();
  const { promise: compressing, resolve } = Promise.withResolvers<StoredChunk>();
  let isTaken = false;
  await writes.add(MIB, Promise.resolve(chunk(0, MIB)));
  const taken = writes.add(3 * MIB, compressing).then(() => {
    isTaken = true;
  });
  await settled();
  expect(isTaken).toBe(false);
  resolve(chunk(1, 2 * MIB));
  await taken;
  const third = writes.add(MIB, Promise.resolve(chunk(2, MIB)));
  isTaken = false;
  void third.then(() => {
    isTaken = true;
  });
  await settled();
  expect(isTaken).toBe(false);
  calls[0]?.end();
  await third;
  await settled();
  calls[1]?.end();
  await writes.end();
});

test("no more than 64 chunks are under way, however small they are", async () => {
  const { calls, writes } = held();
  let taken = 0;
  const all = (async () => {
    for (; taken < 70; taken++) await writes.add(1, Promise.resolve(chunk(taken, 1)));
    await writes.end();
  })();
  await settled();
  expect(taken).toBe(63);
  for (let done = 0; done < calls.length; done++) {
    calls[done]?.end();
    await settled();
  }
  await all;
  expect(calls.flatMap(({ numbers }) => numbers)).toHaveLength(70);
});

test("what a chunk fails with is thrown to whoever adds the next one, and at the end", async () => {
  const { calls, writes } = held();
  const adding = writes.add(4 * MIB, Promise.reject(new Error("wrong")));
  await expect(adding).rejects.toThrow("wrong");
  await expect(writes.add(1, Promise.resolve(chunk(1, 1)))).rejects.toThrow("wrong");
  await settled();
  calls[0]?.end();
  await expect(writes.end()).rejects.toThrow("wrong");
});

test("after a write that failed nothing is written", async () => {
  const { calls, writes } = held();
  for (const no of [0, 1]) await writes.add(1, Promise.resolve(chunk(no, 1)));
  await settled();
  calls[0]?.end(new Error("wrong"));
  await writes.settle();
  await expect(writes.end()).rejects.toThrow("wrong");
  expect(calls.map(({ numbers }) => numbers)).toEqual([[0]]);
});
