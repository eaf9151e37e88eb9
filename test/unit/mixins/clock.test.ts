/** The promise: nothing expires because the clock jumps ahead, and a clock that is merely corrected delays nothing. */
import os from "node:os";
import { Clock } from "../../../database/clock.doubt.ts";
import { readings } from "../../../lib/metrics/figures.ts";
import { clockMixin, type WithClock } from "../../../mixins/clock.ts";
import { call } from "../../../services/messages.ts";
import { problem } from "../contracts/kit.ts";
import { claimed, create, due, get, inside, startBatches, sweep, system } from "../services/batch.kit.ts";

const [SECOND, HOUR, DAY] = [1_000, 3_600_000, 86_400_000];
const NOW = Date.UTC(2026, 9, 1);

/**
 * A clock that was right at first. `pass` lets time pass, `ahead` lets the clock go further than that, and `sleep` lets the
 * machine sleep.
 */
function started(known: Parameters<Clock["begin"]>[1] = { otherMs: NOW }) {
  const told: string[] = [];
  const clock = new Clock((text) => told.push(text));
  let [clockMs, countMs, awakeMs] = [NOW, 5 * DAY, 5 * SECOND];
  clock.begin({ clockMs, countMs, awakeMs }, known);
  const go = (onClock: number, counted: number, awake: number) => {
    clockMs += onClock;
    countMs += counted;
    awakeMs += awake;
    clock.look({ clockMs, countMs, awakeMs });
    return clock.isTrusted;
  };
  const pass = (ms: number, ahead = 0) => go(ms + ahead, ms, ms);
  const sleep = (ms: number) => go(ms, ms, 0);
  return { clock, told, pass, sleep };
}

test("a clock that is an hour ahead of the count is trusted, also repeatedly; a second more is not", () => {
  const { pass, told } = started();
  expect([pass(10 * SECOND, HOUR), pass(10 * SECOND, HOUR), pass(10 * SECOND, -HOUR)]).toEqual([true, true, true]);
  expect(told).toEqual([]);
  expect(pass(10 * SECOND, HOUR + SECOND)).toBe(false);
});

test("a jump of sixty days is not trusted until the clock has run evenly for a day", () => {
  const { pass, told } = started();
  expect(pass(10 * SECOND, 60 * DAY)).toBe(false);
  expect(told).toEqual([expect.stringMatching(/clock went ahead by itself, by 60 days\. Nothing is deleted/)]);
  expect(pass(23 * HOUR)).toBe(false);
  // Once more, because the count of the day begins anew.
  expect(pass(SECOND, 2 * HOUR)).toBe(false);
  expect(pass(23 * HOUR)).toBe(false);
  expect(pass(HOUR)).toBe(true);
  expect(told.at(-1)).toMatch(/deleted again: the database's clock has run evenly for 24 hours/);
});

test("a clock that is set back is trusted at once, but not if it is set back only in part", () => {
  const { pass, told } = started();
  pass(SECOND, 60 * DAY);
  expect([pass(SECOND, -30 * DAY), pass(SECOND, -30 * DAY)]).toEqual([false, true]);
  expect(told.at(-1)).toMatch(/deleted again: the database's clock was set back/);
});

test("a clock that is set back without a jump delays nothing, and gets no credit to go ahead", () => {
  const { pass } = started();
  expect([pass(SECOND, -60 * DAY), pass(SECOND, 60 * DAY)]).toEqual([true, false]);
});

test("hours without a look, in which the clock ran as far, are no jump", () => {
  expect(started().pass(100 * DAY)).toBe(true);
});

test("a machine that slept is trusted, every night; leases get time to be renewed", () => {
  const { clock, told, pass, sleep } = started();
  for (let night = 0; night < 5; night++) {
    expect([pass(16 * HOUR), clock.wentIn(30 * SECOND)]).toEqual([true, false]);
    expect([sleep(8 * HOUR), clock.wentIn(30 * SECOND)]).toEqual([true, true]);
  }
  expect(told).toEqual([]);
});

test.each([
  ["no other clock's time and no batch", { storedMs: null }, true],
  ["a batch of yesterday", { storedMs: NOW - DAY }, true],
  ["nothing stored for sixty days", { storedMs: NOW - 60 * DAY }, false],
  ["another clock that agrees", { otherMs: NOW - HOUR }, true],
  ["another clock that is ahead", { otherMs: NOW + 60 * DAY }, true],
  ["another clock that is far behind", { otherMs: NOW - 60 * DAY }, false],
])("a start with %s", (_name, known, isTrusted) => {
  const { clock, told, pass } = started(known);
  expect([clock.isTrusted, told.length]).toEqual([isTrusted, isTrusted ? 0 : 1]);
  // The time server corrects the clock a little later.
  expect(pass(60 * SECOND, isTrusted ? 0 : -60 * DAY)).toBe(true);
});

describe("after a crash", () => {
  /** The doubt about a clock that jumped sixty days ahead and then ran evenly for ten hours, and the time of the jump. */
  function crashed() {
    const { clock, pass } = started();
    pass(10 * SECOND, 60 * DAY);
    pass(10 * HOUR);
    const doubt = clock.doubt as NonNullable<Clock["doubt"]>;
    return { doubt, awakeMs: SECOND, clockMs: doubt.clockMs + 60 * SECOND, countMs: doubt.countMs + 60 * SECOND };
  }

  test("the doubt goes on, and ends a day after its beginning", () => {
    const { doubt, ...look } = crashed();
    const told: string[] = [];
    const clock = new Clock((text) => told.push(text));
    clock.resume(look, doubt);
    expect(told).toEqual([expect.stringMatching(/was in doubt before this start. Nothing is deleted/)]);
    const later = (ms: number) => ({
      clockMs: look.clockMs + ms,
      countMs: look.countMs + ms,
      awakeMs: look.awakeMs + ms,
    });
    clock.look(later(13 * HOUR));
    expect(clock.isTrusted).toBe(false);
    clock.look(later(14 * HOUR));
    expect(clock.isTrusted).toBe(true);
  });

  test.each([
    ["was set back meanwhile", -60 * DAY, 0, true],
    ["went ahead once more", 30 * DAY, 0, false],
    ["was set back while the machine started anew", -59 * DAY, -5 * DAY, false],
    ["was set back by all while the machine started anew", -60 * DAY, -5 * DAY, true],
  ])("a clock that %s", (_what, onClock, counted, isTrusted) => {
    const { doubt, ...look } = crashed();
    const clock = new Clock(() => {});
    clock.resume({ ...look, clockMs: look.clockMs + onClock, countMs: look.countMs + counted }, doubt);
    expect(clock.isTrusted).toBe(isTrusted);
  });
});

test("leases do not expire by a clock that has just jumped ahead", () => {
  const { clock, pass } = started();
  expect(clock.wentIn(30 * SECOND)).toBe(false);
  pass(SECOND, 60 * DAY);
  expect(clock.wentIn(30 * SECOND)).toBe(true);
  pass(29 * SECOND);
  expect(clock.wentIn(30 * SECOND)).toBe(true);
  pass(SECOND);
  expect(clock.wentIn(30 * SECOND)).toBe(false);
});

describe("a sweep", () => {
  startBatches();

  const isHeld = async () => (await readings(system.broker, "dataflow_retention_held")).map(({ value }) => value === 1);

  test("deletes nothing and expires no lease by a clock that jumped ahead; it goes on once the clock is set back", async () => {
    const old = await create("{}");
    await call(system.broker, "batch.cancel", { publicId: old.publicId });
    const busy = await claimed(await create("{}"));
    await sweep();
    expect(await isHeld()).toEqual([false]);
    for (const batch of [old, busy]) await due(batch);
    const { database } = inside();
    const now = database.now.bind(database);
    const forget = jest.spyOn(database.store, "forgetExpiredKeys");
    const clock = jest.spyOn(database, "now").mockImplementation(async () => (await now()) + 60 * DAY);
    await sweep();
    expect(await isHeld()).toEqual([true]);
    expect([(await get(old)).state, (await get(busy)).state]).toEqual(["cancelled", "processing"]);
    expect(forget).not.toHaveBeenCalled();
    clock.mockRestore();
    await sweep();
    expect(await isHeld()).toEqual([false]);
    await expect(get(old)).rejects.toEqual(problem("not-found"));
    expect(forget).toHaveBeenCalled();
  });

  test("a crashed process leaves its doubt in the database; a stopped one does not", async () => {
    await sweep();
    const { database } = inside();
    // At a start without a doubt there is nothing to compare the clock with.
    jest.spyOn(database.store, "list").mockResolvedValue([]);
    const restarted = () => {
      const service = { broker: {}, logger: { warn() {} }, database } as unknown as WithClock;
      (clockMixin as unknown as { created(): void }).created.call(service);
      return service.clock;
    };
    const now = database.now.bind(database);
    const clock = jest.spyOn(database, "now").mockImplementation(async () => (await now()) + 60 * DAY);
    await sweep();
    expect(await isHeld()).toEqual([true]);
    const second = restarted();
    expect(await second.mayDelete()).toBe(false);
    await second.end();
    expect(await restarted().mayDelete()).toBe(true);
    clock.mockRestore();
    await sweep();
    expect(await database.models.ClockDoubt.count()).toBe(0);
  });

  test("counts by the machine's uptime, which includes sleep", async () => {
    await sweep();
    const { database } = inside();
    const [now, upFor] = [database.now.bind(database), os.uptime()];
    jest.spyOn(os, "uptime").mockReturnValue(upFor + 8 * 3600);
    jest.spyOn(database, "now").mockImplementation(async () => (await now()) + 8 * HOUR);
    await sweep();
    expect(await isHeld()).toEqual([false]);
  });
});
