import type { Database } from "../../../database/database.ts";

const TTL = 60_000;

/** The named locks of every dialect. */
export function lockSuite(database: () => Database): void {
  describe("locks", () => {
    test("one of many callers gets the lock, and only the holder releases it", async () => {
      const { locks } = database();
      const tokens = Array.from({ length: 20 }, (_, i) => `token-${i}`);
      const taken = await Promise.all(tokens.map((token) => locks.acquireLock("a", token, TTL)));
      expect(taken.filter(Boolean)).toHaveLength(1);
      const holder = tokens[taken.indexOf(true)] as string;
      const other = tokens[taken.indexOf(false)] as string;
      await locks.releaseLock("a", other);
      expect(await locks.acquireLock("a", other, TTL)).toBe(false);
      expect(await locks.extendLock("a", other, TTL)).toBe(false);
      expect(await locks.extendLock("a", holder, TTL)).toBe(true);
      await locks.releaseLock("a", holder);
      expect(await locks.acquireLock("a", other, TTL)).toBe(true);
    });

    test("expired locks are deleted, held ones are not", async () => {
      const { locks, sequelize } = database();
      await locks.acquireLock("dead", "first", 0);
      await locks.acquireLock("held", "second", TTL);
      await locks.forgetLocks();
      const [left] = await sequelize.query("SELECT name FROM batch_lock WHERE name IN ('dead', 'held')");
      expect(left).toEqual([{ name: "held" }]);
    });

    test("an expired lock is lost, and free for others", async () => {
      const { locks } = database();
      expect(await locks.acquireLock("a", "first", 0)).toBe(true);
      expect(await locks.extendLock("a", "first", TTL)).toBe(false);
      expect(await locks.acquireLock("a", "second", TTL)).toBe(true);
      await locks.releaseLock("a", "first");
      expect(await locks.acquireLock("a", "third", TTL)).toBe(false);
      expect(await locks.acquireLock("b", "first", TTL)).toBe(true);
    });
  });
}
