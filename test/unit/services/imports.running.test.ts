/**
 * The promise: an upload's lease is renewed exactly as long as the upload runs, and a stop waits until refused uploads are
 * deleted.
 */
import { RunningUploads } from "../../../services/imports/imports.running.ts";
import { freshDatabase, type TestDatabase } from "../../helpers/database.ts";
import { until } from "../../helpers/patience.ts";
import { newBatch } from "../../integration/store/drafts.ts";

let at: TestDatabase;
beforeAll(async () => {
  at = await freshDatabase();
});
afterAll(() => at.remove());

test("what has ended is kept alive no longer", async () => {
  const { store } = at.db;
  const running = new RunningUploads(store, 60_000);
  const [one, two] = [await store.beginUpload(newBatch(1), -1), await store.beginUpload(newBatch(1), -1)];
  running.keep(one);
  running.keep(two);
  running.drop(two);
  await running.touch();
  expect((await store.due("receiving", 9)).map(({ id }) => id)).toEqual([two]);
});

test("the end waits until the last one has left, and until what was taken back is deleted", async () => {
  const { store } = at.db;
  const running = new RunningUploads(store, 60_000);
  const [first, second] = [running.enter(1, 2), running.enter(2, 2)];
  const { promise: mayDelete, resolve } = Promise.withResolvers<void>();
  const purge = jest.spyOn(store, "purgeChunks").mockImplementation(() => mayDelete.then(() => "done"));
  const id = await store.beginUpload(newBatch(1), 60_000);
  await store.voidUpload(id, false);
  let isOver = false;
  const ended = running.end().then(() => {
    isOver = true;
  });
  first();
  running.wipe(id);
  await until(() => purge.mock.calls.length === 1);
  expect(isOver).toBe(false);
  second();
  await new Promise((done) => setImmediate(done));
  expect(isOver).toBe(false);
  resolve();
  await ended;
  jest.restoreAllMocks();
});

test("a stop refuses the uploads that run, and those that begin later", () => {
  const running = new RunningUploads(at.db.store, 60_000);
  const stops = [new AbortController(), new AbortController(), new AbortController()] as const;
  running.stoppable(stops[0]);
  running.stoppable(stops[1])();
  running.refuse();
  running.stoppable(stops[2]);
  expect(stops.map(({ signal }) => signal.reason?.type)).toEqual(["unavailable", undefined, "unavailable"]);
});
