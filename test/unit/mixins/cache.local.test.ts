/** The promise: what a slow load brings never stands above what was told meanwhile. */
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

test("what is older than a change that was told of is not kept, also after older news", () => {
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

test("a flush forgets the values, not what was told", () => {
  const local = level();
  local.put("b", { version: 1 }, local.epoch);
  local.raise("a", 2);
  local.flush();
  expect(local.get("b")).toBeUndefined();
  local.put("a", { version: 1 }, local.epoch);
  expect(local.get("a")).toBeUndefined();
});
