/**
 * The promise: the batches of a paused client wait, whatever their state, and other clients go on. After a resume they start at
 * once.
 */
import type { Middleware } from "moleculer";
import { accepted, admin, batchWhen, get, newClient, type TestClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { quick, type System, startSystem } from "../../helpers/system.ts";
import { ended, handler, hasStatus, numbersOf, row, rows } from "./kit.ts";

let system: System;
let entered = Promise.withResolvers<void>();
let release = Promise.withResolvers<void>();
const slow = handler("slow", async () => {
  entered.resolve();
  await release.promise;
  return null;
});
let wakes = 0;
const watch: Middleware = {
  name: "watch",
  localAction: (next, { name }) =>
    async function watched(ctx) {
      if (name === "outbox.wake") wakes++;
      return next.call(this, ctx);
    },
};

beforeAll(async () => {
  const env = { BATCH_SLICE: "0s", ...quick };
  system = await startSystem({ env, extra: [slow.schema], watch });
});
afterAll(() => system.stop());

interface Shown {
  paused: boolean;
  pausedAt: string | null;
  pausedBy: string | null;
}
async function turn({ id }: TestClient, how: "pause" | "resume"): Promise<Shown> {
  const answer = await admin(system.url, `/clients/${id}/${how}`, { method: "POST" });
  expect(answer.status).toBe(200);
  return (await answer.json()) as Shown;
}

test("uploads of a paused client are accepted and wait, those of others run, and a resume lets them go on", async () => {
  const [paused, other] = [await newClient(system.url), await newClient(system.url)];
  const shown = await turn(paused, "pause");
  expect(shown).toMatchObject({ paused: true, pausedAt: expect.stringMatching(/Z$/), pausedBy: "admin" });
  expect(await turn(paused, "pause")).toEqual(shown);
  const waiting = [
    await accepted(system.url, paused, rows(1)),
    await accepted(system.url, paused, rows(5)),
    await accepted(system.url, paused, rows(1)),
  ];
  // The turn of the paused client's batch would have come first.
  const { id } = await accepted(system.url, other, rows(5));
  expect(await ended(system, other, id)).toMatchObject({ status: "completed" });
  for (const one of waiting) expect(await row(system, one.id)).toMatchObject({ state: "ready", fence: 0 });
  const before = wakes;
  expect(await turn(paused, "resume")).toMatchObject({ paused: false, pausedAt: null, pausedBy: null });
  await until(() => wakes > before);
  for (const one of waiting) expect(await ended(system, paused, one.id)).toMatchObject({ status: "completed" });
});

test("a running batch of a paused client is handed back after its chunk, and goes on from there", async () => {
  entered = Promise.withResolvers();
  release = Promise.withResolvers();
  const client = await newClient(system.url, { handler: "slow.run", chunkRecords: 2 });
  const { id } = await accepted(system.url, client, rows(6));
  await entered.promise;
  await turn(client, "pause");
  release.resolve();
  await batchWhen(system.url, client, id, hasStatus("ready"));
  expect(await get(system.url, client, `/imports/${id}`).then((answer) => answer.json())).toMatchObject({
    counts: { accepted: 2 },
  });
  expect(slow.of(id)).toHaveLength(1);
  await turn(client, "resume");
  expect(await ended(system, client, id)).toMatchObject({ status: "completed", counts: { accepted: 6 } });
  expect(slow.of(id).flatMap(numbersOf)).toEqual([1, 2, 3, 4, 5, 6]);
});
