/** The promise: bodies are read in turns, so that one client's bodies delay neither other clients' bodies nor other requests. */
import { setImmediate as nextRound } from "node:timers/promises";
import { Turns } from "../../../services/imports/imports.turns.ts";
import { client, create, startBatches, uploads } from "./batch.kit.ts";

function busy(ms: number): void {
  const beganAt = performance.now();
  while (performance.now() - beganAt < ms);
}

test("what comes alone is done at once", async () => {
  const turns = new Turns();
  let isDone = false;
  const done = turns.run(1, () => {
    isDone = true;
    return 7;
  });
  expect(isDone).toBe(true);
  expect(await done).toBe(7);
});

test("clients have their turns by rotation, each its own pieces in order", async () => {
  const turns = new Turns();
  const order: string[] = [];
  const piece = (client: number, name: string) => turns.run(client, () => void order.push(name));
  const all = [turns.run(1, () => busy(6))];
  for (const name of ["a1", "a2", "a3", "a4"]) all.push(piece(1, name));
  for (const name of ["b1", "b2"]) all.push(piece(2, name));
  all.push(piece(3, "c1"));
  await Promise.all(all);
  expect(order).toEqual(["a1", "b1", "c1", "a2", "b2", "a3", "a4"]);
});

test("much of it leaves rounds of the loop to others, and all of it is done", async () => {
  const turns = new Turns();
  let done = 0;
  const piece = () => {
    busy(2);
    done++;
  };
  const pieces = Array.from({ length: 40 }, () => turns.run(1, piece));
  let rounds = 0;
  for (; done < 40; rounds++) await nextRound();
  await Promise.all(pieces);
  expect(rounds).toBeGreaterThan(8);
});

test("what fails is told to its own, and the next goes on", async () => {
  const turns = new Turns();
  const first = turns.run(1, () => busy(6));
  const failing = turns.run(1, () => {
    throw new Error("broken");
  });
  const next = turns.run(2, () => "next");
  await expect(failing).rejects.toThrow("broken");
  expect(await next).toBe("next");
  await first;
});

describe("an upload", () => {
  startBatches();

  test("is read in turns of 64 KiB", async () => {
    const run = jest.spyOn(uploads().turns, "run");
    await create(Buffer.alloc(1024 * 1024, '{"n":1}\n'));
    expect(run.mock.calls.map(([clientId]) => clientId)).toEqual(Array(16).fill(client.id));
  });
});
