/** Lists of deliveries, and repeated deliveries. */
import { randomUUID } from "node:crypto";
import type { Database } from "../../../database/database.ts";
import { draftAudit, named } from "../../../services/audits.ts";
import {
  type AttemptRecord,
  type DeliveryQuery,
  type DeliveryRow,
  deliveryStates,
  type TakenDelivery,
} from "../../../services/webhook/webhook.domain.ts";
import { deliveryKit } from "./deliveries.kit.ts";
import { ready } from "./drafts.ts";

const ALICE = { who: "alice", role: "operator", address: null, requestId: null } as const;

export function deliveryListSuite(database: () => Database): void {
  describe("lists of deliveries", () => {
    const { store, deliveries, told, take, list, record, later, one } = deliveryKit(database);

    test("a list shows the attempts that belong to the delivery's state", async () => {
      const { id, ...taken } = await one();
      await record({ id, ...taken }, later(60_000));
      await database().sequelize.query(
        `INSERT INTO "delivery_attempt" ("delivery_id", "no", "at", "status", "error", "ms") VALUES (${id}, 2, 1, 200, NULL, 1)`,
      );
      expect(await list()).toMatchObject([{ state: "pending", attempts: [{ status: 500 }] }]);
    });

    test("lists are by batch, state and id, from a cursor", async () => {
      const batches = [];
      for (const client of [1, 2, 3]) batches.push(await ready(store(), client, { events: [told("batch.created")] }));
      const rows = await list();
      expect(await list({ limit: 1, before: rows[0] })).toEqual([rows[1]]);
      expect(await list({ batch: batches[0]?.publicId })).toEqual([rows[2]]);
      expect(await list({ publicId: rows[1]?.publicId })).toEqual([rows[1]]);
      expect(await list({ batch: "no\0batch" })).toEqual([]);
      expect(await list({ state: "failed" })).toEqual([]);
    });

    test("any filter lists what it names, newest first, and its pages are the list", async () => {
      const { sequelize } = database();
      const columns = "public_id, batch_id, client_id, event, body, state, due_at, attempts, created_at, tries";
      const events = ["batch.created", "batch.completed", "batch.held"] as const;
      const made = await Promise.all(
        Array.from({ length: 27 }, async (_, n) => {
          const batch = await ready(store(), 1 + (n % 2), { events: [] });
          const one = {
            publicId: randomUUID(),
            clientId: 1 + (n % 2),
            event: events[n % 3] as (typeof events)[number],
            state: deliveryStates[Math.floor(n / 3) % 3] as (typeof deliveryStates)[number],
            // Several deliveries have the same time.
            createdAt: 1_000 + 10 * (n % 7),
          };
          await sequelize.query(
            `INSERT INTO delivery (${columns}) VALUES ('${one.publicId}', ${batch.id}, ${one.clientId}, '${one.event}', '{}', '${one.state}', NULL, 0, ${one.createdAt}, 0)`,
          );
          return one;
        }),
      );
      const filters: Omit<DeliveryQuery, "limit">[] = [
        {},
        { clientId: 2 },
        { clientId: 1, state: "failed" },
        { event: "batch.held" },
        { state: "pending", from: 1_010, to: 1_050 },
        { clientId: 2, event: "batch.created", from: 1_020 },
        { clientId: 1, state: "delivered", event: "batch.completed", to: 1_030 },
        { clientId: 3 },
      ];
      for (const { from = 0, to = Number.POSITIVE_INFINITY, ...equal } of filters) {
        const filter = { ...equal, ...(from > 0 && { from }), ...(to < Number.POSITIVE_INFINITY && { to }) };
        const wanted = made.filter(
          (one) =>
            one.createdAt >= from &&
            one.createdAt <= to &&
            Object.entries(equal).every(([name, value]) => one[name as "clientId"] === value),
        );
        const found: DeliveryRow[] = [];
        for (let last: DeliveryRow | undefined, isMore = true; isMore; ) {
          const page = await list({ ...filter, limit: 4, ...(last && { before: last }) });
          found.push(...page);
          last = page.at(-1);
          isMore = page.length === 4;
        }
        expect([filter, found.map(({ publicId }) => publicId).sort()]).toEqual([
          filter,
          wanted.map(({ publicId }) => publicId).sort(),
        ]);
        const order = (a: DeliveryRow, b: DeliveryRow) => b.createdAt - a.createdAt || b.id - a.id;
        expect(found).toEqual([...found].sort(order));
      }
    });

    test("failed deliveries of a client are found from the oldest on, and are due again with all their tries", async () => {
      const taken: TakenDelivery[] = [];
      for (const client of [1, 1, 1, 2]) {
        await ready(store(), client, { events: [told("batch.created")] });
        taken.push(...(await take()));
      }
      const failing: Partial<AttemptRecord> = { status: 500, error: "no", next: { state: "failed" } };
      for (const one of taken) await record(one, failing);
      const failed = (over: object = {}) =>
        deliveries().failedDeliveries({ clientId: 1, since: 0, limit: 10, ...over });
      const [first, second, third] = await failed();
      expect([first, second, third]).toEqual(taken.slice(0, 3).map(({ id }) => id));
      expect(await failed({ limit: 2 })).toEqual([first, second]);
      expect(await failed({ since: (await database().now()) + 60_000 })).toEqual([]);
      expect(await deliveries().deliveryBody(first as number)).toBe(taken[0]?.body);
      expect(await deliveries().deliveryBody(-1)).toBeNull();
      // One delivery is due already, so it stays unchanged.
      await deliveries().replayDelivery({ publicId: taken[0]?.publicId as string });
      expect(
        await deliveries().replayFailed(
          [first, second] as number[],
          draftAudit(ALICE, { action: "delivery.replay-failed", subject: named("client", "1") }),
        ),
      ).toBe(1);
      expect(
        await deliveries().replayFailed(
          [first, second] as number[],
          draftAudit(ALICE, { action: "delivery.replay-failed", subject: named("client", "1") }),
        ),
      ).toBe(0);
      expect(await failed()).toEqual([third]);
      expect(await store().listAudit({ limit: 10 })).toHaveLength(1);
      expect((await list({ clientId: 1, state: "pending" })).map(({ id }) => id).sort()).toEqual(
        [first, second].sort(),
      );
      expect(await take()).toMatchObject([{ id: first, tries: 1 }]);
      expect(await deliveries().replayDelivery({ publicId: taken[3]?.publicId as string, clientId: 1 })).toBe(false);
      expect(await list({ clientId: 2, state: "failed" })).toHaveLength(1);
    });
  });
}
