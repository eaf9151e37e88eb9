import type { Database } from "../../../database/database.ts";
import { uuidv7 } from "../../../services/ids.ts";
import { ALL_CLIENTS, HOUR_MS, type KeptMinute, MINUTE_MS, noFigures } from "../../../services/stats/stats.domain.ts";

const AT = 20_000 * 24 * HOUR_MS;

/** The history of figures: each process writes its minutes, and old minutes are summed up into hours. */
export function historySuite(database: () => Database): void {
  describe("history of figures", () => {
    const store = () => database().store;
    const run = uuidv7();
    const keep = (at: number, figures: Partial<KeptMinute>) =>
      store().keepFigures({ ...noFigures(), clientId: ALL_CLIENTS, node: "one", run, at, ...figures });
    const history = (stepMs: number, span: { from?: number; to?: number; clientId?: number } = {}) =>
      store().figureHistory({ clientId: ALL_CLIENTS, from: AT, to: AT + 24 * HOUR_MS, stepMs, ...span });
    const accepted = async (stepMs: number, span = {}) =>
      (await history(stepMs, span)).map(({ at, accepted }) => [at - AT, accepted]);

    test("writing a minute again replaces it; another start, node or client has a row of its own", async () => {
      await keep(AT, { accepted: 3, queueAgeMs: 40, bytes: 2 ** 40 });
      await keep(AT, { accepted: 5, queueAgeMs: 50, bytes: 2 ** 40 });
      await keep(AT, { accepted: 10, run: uuidv7(), queueAgeMs: 20 });
      await keep(AT, { accepted: 100, node: "two" });
      await keep(AT, { accepted: 7, clientId: 4 });
      await keep(AT + MINUTE_MS, { accepted: 1_000, claims: 2, claimMs: 9 });
      expect(await history(MINUTE_MS)).toEqual([
        { ...noFigures(), at: AT, accepted: 115, queueAgeMs: 50, bytes: 2 ** 40 },
        { ...noFigures(), at: AT + MINUTE_MS, accepted: 1_000, claims: 2, claimMs: 9 },
      ]);
      expect(await accepted(HOUR_MS)).toEqual([[0, 1_115]]);
      expect(await accepted(MINUTE_MS, { to: AT + MINUTE_MS })).toEqual([[0, 115]]);
      expect(await accepted(MINUTE_MS, { from: AT + 1 })).toEqual([[MINUTE_MS, 1_000]]);
      expect(await accepted(MINUTE_MS, { clientId: 4 })).toEqual([[0, 7]]);
    });

    test("old minutes become hours with the same sums, in pieces; later old hours are deleted", async () => {
      const now = await database().now();
      const hour = now - (now % HOUR_MS) - 50 * HOUR_MS;
      for (let i = 0; i < 5; i++) await keep(hour + i * MINUTE_MS, { accepted: 2 ** i, queueAgeMs: i });
      await keep(hour + HOUR_MS, { rejected: 3, clientId: 9 });
      await keep(now, { accepted: 1_000 });
      const span = { from: hour, to: now + 1 };
      const before = [await history(HOUR_MS, span), await history(HOUR_MS, { ...span, clientId: 9 })];
      expect(before[0]?.[0]).toMatchObject({ at: hour, accepted: 31, queueAgeMs: 4 });
      expect(await store().rollFigures(48 * HOUR_MS, 4)).toBe(false);
      expect(await store().rollFigures(48 * HOUR_MS, 4)).toBe(true);
      expect([await history(HOUR_MS, span), await history(HOUR_MS, { ...span, clientId: 9 })]).toEqual(before);
      expect((await history(MINUTE_MS, span)).map(({ accepted }) => accepted)).toEqual([1_000]);
      const gone: unknown[] = [];
      expect(await store().forgetFigures(51 * HOUR_MS, 10, (...told) => gone.push(told))).toBe(true);
      expect(gone).toEqual([["stat_hour", 0]]);
      expect(await store().forgetFigures(40 * HOUR_MS, 1)).toBe(false);
      expect(await store().forgetFigures(40 * HOUR_MS, 10)).toBe(true);
      expect(await accepted(HOUR_MS, { from: hour, to: now - 40 * HOUR_MS })).toEqual([]);
    });

    test("nodes that sum up at the same time count nothing twice, and an erased client's rows are deleted", async () => {
      const now = await database().now();
      const hour = now - (now % HOUR_MS) - 60 * HOUR_MS;
      for (let i = 0; i < 30; i++) await keep(hour + i * MINUTE_MS, { accepted: 1, clientId: 5 });
      await Promise.all([1, 2, 3].map(() => store().rollFigures(48 * HOUR_MS, 20)));
      await store().rollFigures(48 * HOUR_MS, 100);
      await keep(now, { accepted: 1, clientId: 5 });
      expect(await accepted(HOUR_MS, { clientId: 5, from: hour, to: hour + HOUR_MS })).toEqual([[hour - AT, 30]]);
      expect(await store().eraseClientRows(5, 0, 1_000)).toBe(true);
      expect(await history(HOUR_MS, { clientId: 5, from: hour, to: now + 1 })).toEqual([]);
    });
  });
}
