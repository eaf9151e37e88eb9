/** The promise: the result of a slow load never replaces a newer value that was announced meanwhile. */
import { LocalLevel } from "../../../lib/cache/local.ts";

const level = () => new LocalLevel<{ version: number }>({ ttlMs: 60_000, absentTtlMs: 60_000, maxEntries: 100 });

test("a load that began before a flush is not kept", () => {
  const local = level();
  const { epoch } = local;
  local.flush();
  local.put("a", { version: 1 }, epoch);
  expect(local.get("a")).toBeUndefined();
  local.put("a", { version: 1 }, local.epoch);
  expect(local.get("a")).toEqual({ version: 1 });
});

test("an older value replaces no newer one", () => {
  const local = level();
  local.put("a", { version: 2 }, local.epoch);
  local.put("a", { version: 1 }, local.epoch);
  expect(local.get("a")).toEqual({ version: 2 });
});

test("a value older than an announced change is not kept, also after an older event", () => {
  const local = level();
  local.raise("a", 3);
  local.raise("a", 2);
  local.put("a", { version: 2 }, local.epoch);
  expect(local.get("a")).toBeUndefined();
});

test("`there is none` is not believed of what was told of", () => {
  const local = level();
  local.raise("a", 1);
  local.put("a", null, local.epoch);
  expect(local.get("a")).toBeUndefined();
});

test("`there is none` lives no longer than a value", () => {
  let now = 1_000;
  const clock = jest.spyOn(performance, "now").mockImplementation(() => now);
  const local = new LocalLevel({ ttlMs: 100, absentTtlMs: 60_000, maxEntries: 100 });
  local.put("a", null, local.epoch);
  expect(local.get("a")).toBeNull();
  now += 200;
  expect(local.get("a")).toBeUndefined();
  clock.mockRestore();
});

test("a flush forgets the values, but not the announced versions", () => {
  const local = level();
  local.put("b", { version: 1 }, local.epoch);
  local.raise("a", 2);
  local.flush();
  expect(local.get("b")).toBeUndefined();
  local.put("a", { version: 1 }, local.epoch);
  expect(local.get("a")).toBeUndefined();
});
