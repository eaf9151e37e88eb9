import type { ServiceBroker } from "moleculer";
import { define } from "../../../mixins/define.ts";
import { scheduleMixin, type WithSchedule } from "../../../mixins/schedule.ts";
import { useOwnTimers } from "../../helpers/own-timers.ts";
import { until } from "../../helpers/patience.ts";
import { deferred, startBroker } from "../contracts/kit.ts";

let broker: ServiceBroker;
let stop: () => Promise<void>;
let timers: () => number;
let service: WithSchedule & { logger: { warn(...args: unknown[]): void } };

beforeEach(async () => {
  ({ broker, stop } = await startBroker(define({ name: "clocked", mixins: [scheduleMixin] })));
  service = broker.getLocalService("clocked") as unknown as typeof service;
});

describe("by the clock", () => {
  // From here on the mixin uses fake timers. The broker's timers are real.
  beforeEach(() => {
    timers = useOwnTimers();
  });
  afterEach(async () => {
    await service.endSchedules();
    expect(timers()).toBe(0);
    jest.useRealTimers();
    jest.restoreAllMocks();
    await stop();
  });

  test("work runs after each pause, and not before the first", async () => {
    const work = jest.fn(async () => {});
    service.schedule("It", 1_000, work);
    await jest.advanceTimersByTimeAsync(999);
    expect(work).toHaveBeenCalledTimes(0);
    await jest.advanceTimersByTimeAsync(1);
    expect(work).toHaveBeenCalledTimes(1);
    await jest.advanceTimersByTimeAsync(3_000);
    expect(work).toHaveBeenCalledTimes(4);
  });

  test("the pause counts from the end of the work", async () => {
    const first = deferred();
    const work = jest.fn(() => first.promise);
    service.schedule("It", 1_000, work);
    await jest.advanceTimersByTimeAsync(10_000);
    expect(work).toHaveBeenCalledTimes(1);
    first.resolve();
    await jest.advanceTimersByTimeAsync(999);
    expect(work).toHaveBeenCalledTimes(1);
    await jest.advanceTimersByTimeAsync(1);
    expect(work).toHaveBeenCalledTimes(2);
  });

  test("a failure is logged, and the work is tried again", async () => {
    const warn = jest.spyOn(service.logger, "warn").mockImplementation(() => {});
    const work = jest.fn(async () => {
      throw new Error("down");
    });
    service.schedule("It", 1_000, work);
    await jest.advanceTimersByTimeAsync(2_000);
    expect(work).toHaveBeenCalledTimes(2);
    expect(warn).toHaveBeenCalledWith("It failed, it is tried again:", expect.objectContaining({ message: "down" }));
  });

  test.each([
    [0, 900],
    [1, 1_100],
  ])("jitter spreads the pauses: random %d is %d ms", async (random, pauseMs) => {
    jest.spyOn(Math, "random").mockReturnValue(random);
    const work = jest.fn(async () => {});
    service.schedule("It", 1_000, work, 0.2);
    await jest.advanceTimersByTimeAsync(pauseMs - 1);
    expect(work).toHaveBeenCalledTimes(0);
    await jest.advanceTimersByTimeAsync(1);
    expect(work).toHaveBeenCalledTimes(1);
  });

  test("after work on request, the pause begins anew", async () => {
    const work = jest.fn(async () => {});
    const now = service.schedule("It", 1_000, work);
    await jest.advanceTimersByTimeAsync(900);
    now();
    await jest.advanceTimersByTimeAsync(999);
    expect(work).toHaveBeenCalledTimes(1);
    await jest.advanceTimersByTimeAsync(1);
    expect(work).toHaveBeenCalledTimes(2);
  });
});

test("work that is requested while it runs runs once more, and never twice at once", async () => {
  let atOnce = 0;
  let most = 0;
  let runs = 0;
  const gates = [deferred(), deferred(), deferred()];
  const now = service.schedule("It", 60_000, async () => {
    most = Math.max(most, ++atOnce);
    await gates[runs++]?.promise;
    atOnce--;
  });
  for (let i = 0; i < 5; i++) now();
  expect(runs).toBe(1);
  gates[0]?.resolve();
  await new Promise(setImmediate);
  expect(runs).toBe(2);
  gates[1]?.resolve();
  await new Promise(setImmediate);
  expect([runs, most]).toEqual([2, 1]);
  await stop();
});

test("the end waits for running work, and starts none", async () => {
  const gate = deferred();
  let isDone = false;
  const work = jest.fn(async () => {
    await gate.promise;
    isDone = true;
  });
  const now = service.schedule("It", 60_000, work);
  now();
  now();
  const ending = service.endSchedules().then(() => isDone);
  gate.resolve();
  expect(await ending).toBe(true);
  now();
  await stop();
  expect(work).toHaveBeenCalledTimes(1);
});

test("the stop of the service ends its schedules, and waits for running work", async () => {
  const gate = deferred();
  service.schedule("It", 60_000, async () => {});
  service.schedule("It too", 60_000, () => gate.promise)();
  const ending = jest.spyOn(service, "endSchedules");
  let isStopped = false;
  const stopping = stop().then(() => {
    isStopped = true;
  });
  await until(() => ending.mock.calls.length === 1);
  await new Promise(setImmediate);
  expect(isStopped).toBe(false);
  gate.resolve();
  await stopping;
});
