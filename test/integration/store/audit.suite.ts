import { addAudit } from "../../../database/change.ts";
import type { Database } from "../../../database/database.ts";
import type { AuditQuery } from "../../../services/audit/audit.domain.ts";
import { draftAudit } from "../../../services/audits.ts";

const DAY_MS = 86_400_000;

/** The audit is listed by who, action and subject, and its old entries go. */
export function auditSuite(database: () => Database): void {
  describe("audit", () => {
    const store = () => database().store;

    async function entry(who: string, subject: { id: string; name: string | null }, daysAgo = 0) {
      const { models, sequelize, now } = database();
      const nowMs = (await now()) - daysAgo * DAY_MS;
      const from = { who, role: "admin", address: null, requestId: null } as const;
      const draft = draftAudit(from, { action: "client.change", subject: { type: "client", ...subject } });
      await sequelize.transaction((transaction) => addAudit(models, draft, { transaction, nowMs }));
      return draft.publicId;
    }
    const listed = async (query: Partial<AuditQuery>) => {
      const rows = await store().listAudit({ limit: 10, ...query });
      return rows.map(({ publicId }) => publicId);
    };

    test("each filter finds its entries, the newest first, and pages go on behind an entry", async () => {
      const first = await entry("alice", { id: "one", name: "acme" }, 3);
      const second = await entry("bob", { id: "two", name: "one" }, 2);
      const third = await entry("alice", { id: "three", name: null }, 1);
      expect(await listed({})).toEqual([third, second, first]);
      expect(await listed({ who: "alice" })).toEqual([third, first]);
      expect(await listed({ subject: "one" })).toEqual([second, first]);
      expect(await listed({ subject: "one", limit: 1 })).toEqual([second]);
      expect(await listed({ subject: "acme", who: "bob" })).toEqual([]);
      expect(await listed({ action: "batch.undo" })).toEqual([]);
      const now = await database().now();
      expect(await listed({ from: now - 2.5 * DAY_MS, to: now - 1.5 * DAY_MS })).toEqual([second]);
      const [, middle] = await store().listAudit({ limit: 10 });
      expect(await listed({ before: Number(middle?.id) })).toEqual([first]);
      expect(middle).toMatchObject({
        who: "bob",
        action: "client.change",
        subjectId: "two",
        status: "done",
        change: null,
      });
    });

    test("entries that are too old are deleted in pieces", async () => {
      for (const days of [9, 8, 7, 1]) await entry("alice", { id: `${days}`, name: null }, days);
      const gone: [string, number][] = [];
      const removed = (table: string, n: number) => void gone.push([table, n]);
      expect(await store().forgetAudit(5 * DAY_MS, 2, removed)).toBe(false);
      expect(await store().forgetAudit(5 * DAY_MS, 2, removed)).toBe(true);
      expect(gone).toEqual([
        ["audit", 2],
        ["audit", 1],
      ]);
      expect(await listed({})).toHaveLength(1);
    });
  });
}
