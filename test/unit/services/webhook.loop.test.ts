import { DeliveryLoop } from "../../../services/webhook/webhook.loop.ts";

interface Job {
  id: number;
  clientId: number;
}

/** A queue in memory with the promise of `take`: at most one delivery of a client, and none of busy clients. */
function setUp(jobs: Job[], { slots = 4, slotsOfClient = 2 } = {}) {
  const running = new Map<number, () => void>();
  const failed = jest.fn();
  let takes = 0;
  const loop = new DeliveryLoop<Job>({
    slots,
    slotsOfClient,
    async take(limit, busy) {
      takes++;
      const taken: Job[] = [];
      for (const job of [...jobs]) {
        if (taken.length === limit) break;
        if (busy.includes(job.clientId) || taken.some(({ clientId }) => clientId === job.clientId)) continue;
        taken.push(job);
        jobs.splice(jobs.indexOf(job), 1);
      }
      return taken;
    },
    run: ({ id }) => new Promise((resolve) => running.set(id, resolve)),
    failed,
  });
  const finish = async (id: number) => {
    running.get(id)?.();
    running.delete(id);
    await new Promise((resolve) => setImmediate(resolve));
    await loop.wake();
  };
  return { loop, failed, finish, ids: () => [...running.keys()], takes: () => takes };
}

const jobs = (...clients: number[]): Job[] => clients.map((clientId, i) => ({ id: i + 1, clientId }));

test("one client has its share of the slots and no more", async () => {
  const { loop, ids, finish } = setUp(jobs(1, 1, 1, 1, 2));
  await loop.wake();
  expect(ids()).toEqual([1, 5, 2]);
  await finish(1);
  expect(ids()).toEqual([5, 2, 3]);
});

test("never more at once than slots, and what ends makes room", async () => {
  const { loop, ids, finish } = setUp(jobs(1, 2, 3, 4, 5, 6), { slots: 2 });
  await loop.wake();
  expect(ids()).toEqual([1, 2]);
  await finish(2);
  expect(ids()).toEqual([1, 3]);
});

test("many wake-ups are one look at a time, and the last one is not lost", async () => {
  const queue = jobs(1);
  const { loop, ids, takes } = setUp(queue);
  const woken = Array.from({ length: 50 }, () => loop.wake());
  queue.push({ id: 9, clientId: 9 });
  await Promise.all(woken);
  expect(ids()).toEqual([1, 9]);
  expect(takes()).toBeLessThan(6);
});

test("a failure to take is told, and the next wake-up tries again", async () => {
  let isAway = true;
  const failed = jest.fn();
  const run = jest.fn(async () => {});
  const take = async () => {
    if (!isAway) return [];
    throw new Error("away");
  };
  const loop = new DeliveryLoop<Job>({ slots: 1, slotsOfClient: 1, take, run, failed });
  await loop.wake();
  expect(failed).toHaveBeenCalledWith(new Error("away"));
  isAway = false;
  await loop.wake();
  expect(failed).toHaveBeenCalledTimes(1);
});

test("its end waits for what runs, and nothing is taken after it", async () => {
  const { loop, ids, finish } = setUp(jobs(1, 2, 3), { slots: 1 });
  await loop.wake();
  let hasEnded = false;
  const end = loop.end().then(() => {
    hasEnded = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(hasEnded).toBe(false);
  await finish(1);
  await end;
  expect(ids()).toEqual([]);
});
