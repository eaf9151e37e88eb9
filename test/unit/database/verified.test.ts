/** The promise: rows that a query did not ask for are an error, and their connection is closed. */
import { MismatchedAnswer } from "../../../database/errors.ts";
import type { BatchStore } from "../../../database/store.ts";
import { verified } from "../../../database/verified.ts";

/** What the database answers in this test. */
let answer: unknown;
const distrust = jest.fn();
const store = verified(new Proxy({} as BatchStore, { get: () => async () => answer }), distrust);

const own = { id: 1, publicId: "b", clientId: 7, dataset: "d", state: "processing", fence: 1, owner: "me" };
const mine = { batch: own, outbox: [] };
const settled = (written: unknown) => [{ status: "fulfilled", value: written }];

test.each<[name: string, ask: () => Promise<unknown>, right: unknown, wrong: unknown[]]>([
  ["due", () => store.due("processing", 9), [own], [[{ ...own, state: "ready" }]]],
  [
    "voided",
    () => store.voided(9),
    [{ ...own, state: "receiving" }],
    [[own], [{ ...own, state: "receiving", fence: 0 }]],
  ],
  [
    "batch",
    () => store.batch("b", 7),
    own,
    [
      { ...own, publicId: "c" },
      { ...own, clientId: 8 },
    ],
  ],
  [
    "list",
    () => store.list({ clientId: 7, dataset: "d", state: "processing", before: 2, limit: 9 }),
    [own],
    [{ clientId: 8 }, { dataset: "e" }, { state: "ready" }, { id: 2 }].map((other) => [{ ...own, ...other }]),
  ],
  ["changed", () => store.changed([{ publicId: "b" } as never]), [own], [[{ ...own, publicId: "c" }]]],
  ["attempts", () => store.attempts([1], 9), [{ batchId: 1 }], [[{ batchId: 2 }]]],
  [
    "claim",
    () => store.claim(1, "me", 9),
    mine,
    [{ batch: { ...own, id: 2 } }, { batch: { ...own, owner: "another" } }],
  ],
  [
    "claimGroup",
    () => store.claimGroup([1], "me", 9),
    [mine],
    [[{ batch: { ...own, id: 2 } }], [{ batch: { ...own, owner: "another" } }]],
  ],
  ["readChunk", () => store.readChunk(1, 3), { no: 3 }, [{ no: 4 }]],
  ["commitChunk", () => store.commitChunk({ id: 1 } as never), mine, [{ batch: { id: 2 } }]],
  ["commitChunks", () => store.commitChunks([{ id: 1 } as never]), settled(mine), [settled({ batch: { id: 2 } })]],
  ["move", () => store.move({ id: 1 } as never), mine, [{ batch: { id: 2 } }]],
  ["errors", () => store.errors(1, 5, 9, 9), [{ seq: 6 }], [[{ seq: 5 }]]],
  ["records", () => store.records(1, 5, 9, 9), [{ seq: 6 }], [[{ seq: 5 }]]],
])("an answer to %s", async (_name, ask, right, wrong) => {
  distrust.mockClear();
  answer = right;
  expect(await ask()).toBe(right);
  expect(distrust).not.toHaveBeenCalled();
  for (answer of wrong) await expect(ask()).rejects.toBeInstanceOf(MismatchedAnswer);
  expect(distrust).toHaveBeenCalledTimes(wrong.length);
});
