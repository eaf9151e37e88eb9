/** How much clients use of their limits, which of them are at a limit, and which have a dataset. All databases agree. */
import type { Database } from "../../../database/database.ts";
import { uuidv7 } from "../../../services/ids.ts";
import { claimed, LEASE, ready } from "./drafts.ts";
import { undoColumns } from "./from-before.ts";

const DAY_MS = 86_400_000;

export function clientLimitSuite(database: () => Database): void {
  describe("limits of clients", () => {
    const store = () => database().store;
    async function client(identifier: string, policy: object | null = null, more: object = {}): Promise<number> {
      const { models } = database();
      const at = await database().now();
      const row = await models.Client.create({
        publicId: uuidv7(),
        identifier,
        name: identifier.toUpperCase(),
        secretHash: Buffer.alloc(32),
        oldSecretHash: null,
        oldSecretUntil: null,
        status: "active",
        policyVersion: policy ? 3 : 0,
        version: 1,
        changedAt: at,
        createdAt: at,
        ...more,
      });
      const clientId = Number(row.get("id"));
      if (policy) await models.Policy.create({ clientId, version: 3, body: JSON.stringify(policy), createdAt: at });
      return clientId;
    }
    async function sent(clientId: number, bytes: number, records: number): Promise<void> {
      const day = Math.floor((await database().now()) / DAY_MS);
      const rows = `(${clientId}, ${day}, ${bytes}, ${records}), (${clientId}, ${day - 1}, ${10 * bytes}, ${10 * records})`;
      await database().sequelize.query(`INSERT INTO client_usage (client_id, day, bytes, records) VALUES ${rows}`);
    }
    const unused = { lastBatchAt: null, running: 0, cap: null, bytes: 0, records: 0 };
    const noQuota = { bytesPerDay: null, recordsPerDay: null };

    test("the use of each client on a page, by its policy of today", async () => {
      const quiet = await client("quiet");
      const quota = await client("quota", { maxConcurrentBatches: 9, bytesPerDay: 5_000_000_000, recordsPerDay: null });
      await sent(quota, 4_000_000_000, 7);
      const busy = await client("busy", { maxConcurrentBatches: 2 });
      const { createdAt } = await claimed(store(), busy);
      const uses = await store().clientUses([quiet, quota, busy, 999]);
      expect([...uses.keys()].sort((a, b) => a - b)).toEqual([quiet, quota, busy]);
      expect(uses.get(quiet)).toEqual({ ...unused, ...noQuota });
      const day = { bytes: 4_000_000_000, records: 7, bytesPerDay: 5_000_000_000, recordsPerDay: null };
      expect(uses.get(quota)).toEqual({ ...unused, cap: 9, ...day });
      expect(uses.get(busy)).toEqual({ ...unused, ...noQuota, lastBatchAt: createdAt, running: 1, cap: 2 });
      expect(await store().clientUses([])).toEqual(new Map());
    });

    test("who is at a limit now: with batches that wait for a place, a quota that is nearly used up, a webhook that is gone", async () => {
      const now = await database().now();
      const full = await client("full");
      const queue = { cap: 1, weight: 1 };
      const { id } = await ready(store(), full, { queue });
      expect(await store().claim(id, "node", LEASE)).not.toBeNull();
      expect(await store().needyClients()).toEqual([]);
      await ready(store(), full, { queue });
      await sent(await client("nearly", { bytesPerDay: 1_000, recordsPerDay: 10 }), 900, 8);
      await sent(await client("far", { bytesPerDay: 1_000, recordsPerDay: 10 }), 899, 8);
      await client("gone", null, { webhookOffAt: now - 5 });
      await client("gone-long-ago", null, { webhookOffAt: now - 8 * DAY_MS });
      await client("disabled", null, { webhookOffAt: now, status: "disabled" });
      const found = await store().needyClients();
      const byName = found.toSorted((a, b) => a.identifier.localeCompare(b.identifier));
      expect(byName).toEqual([
        expect.objectContaining({ kind: "maxConcurrentBatches", identifier: "full", name: "FULL", used: 1, limit: 1 }),
        expect.objectContaining({ kind: "webhook", identifier: "gone", used: 0, limit: 0, since: now - 5 }),
        expect.objectContaining({ kind: "bytesPerDay", identifier: "nearly", used: 900, limit: 1_000, since: null }),
      ]);
      await database().models.ClientQueue.update({ pausedAt: now }, { where: { clientId: full } });
      expect((await store().needyClients()).map(({ identifier }) => identifier)).not.toContain("full");
    });

    test("for a client from before ages of secrets were kept, its first secret is as old as the client, and the age of a later one is unknown", async () => {
      const db = database();
      const first = await client("first", null, { createdAt: 5 });
      const rotated = await client("rotated", null, { createdAt: 5, oldSecretHash: Buffer.alloc(32) });
      await db.sequelize.getQueryInterface().removeIndex("client", "client_webhook_off_ix");
      await undoColumns(db, "0056-client-times", "client", ["secret_at", "webhook_off_at"]);
      expect(await db.migrate()).toEqual(["0056-client-times"]);
      const timesOf = async (id: number) => {
        const row = await db.models.Client.findByPk(id);
        return [row?.get("secretAt"), row?.get("webhookOffAt")].map((at) => (at === null ? null : Number(at)));
      };
      expect([await timesOf(first), await timesOf(rotated)]).toEqual([
        [5, null],
        [null, null],
      ]);
      const since = await db.now();
      await db.models.Client.update({ webhookOffAt: since }, { where: { id: first } });
      expect(await store().needyClients()).toEqual([expect.objectContaining({ kind: "webhook", since })]);
    });

    test("the clients of a dataset, page by page, and by text and status as well", async () => {
      const at = await database().now();
      const grant = (clientId: number, dataset: string, override: string | null = "{}") =>
        database().models.DatasetGrant.create({ clientId, dataset, version: 1, override, changedAt: at });
      const [one, two, three] = [
        await client("one"),
        await client("two"),
        await client("three", null, { status: "disabled" }),
      ];
      await grant(one, "orders");
      await grant(one, "prices");
      await grant(two, "orders");
      await grant(three, "orders");
      await grant(await client("revoked"), "orders", null);
      const found = (more: object = {}) => store().findClients({ dataset: "orders", limit: 9, ...more });
      expect(await found()).toEqual([three, two, one]);
      expect(await found({ limit: 1 })).toEqual([three]);
      expect(await found({ before: three, limit: 1 })).toEqual([two]);
      expect(await found({ text: "T" })).toEqual([three, two]);
      expect(await found({ text: "T", status: "active" })).toEqual([two]);
      expect(await found({ dataset: "prices" })).toEqual([one]);
    });
  });
}
