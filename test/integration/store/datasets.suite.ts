import type { Database } from "../../../database/database.ts";
import type { UploadCommit } from "../../../services/imports/imports.domain.ts";
import { chunk, deleted, event, LEASE, newBatch, ready, upload } from "./drafts.ts";

const DAY_MS = 86_400_000;
const hash = (digits: string) => digits.repeat(32);

/** Batches of datasets: how they are distinguished, and how long the versions that they pin are kept. */
export function datasetSuite(database: () => Database): void {
  describe("batches of datasets", () => {
    const store = () => database().store;
    const of = (dataset: string, over: Partial<UploadCommit> = {}, clientId = 1) =>
      upload(clientId, { batch: { ...newBatch(clientId), dataset }, ...over });
    const made = (dataset: string, over: Partial<UploadCommit> = {}, clientId = 1) =>
      ready(store(), clientId, of(dataset, over, clientId));

    test("a batch tells its dataset, whichever way it came", async () => {
      const small = await made("orders");
      const draft = { ...newBatch(1), dataset: "customers" };
      const id = await store().beginUpload(draft, LEASE);
      await store().appendChunks(id, [chunk(0)], LEASE);
      const large = await ready(store(), 1, { id, batch: draft, chunks: [chunk(1)] });
      const own = await ready(store(), 1, { events: [event("batch.created")] });
      expect([small, large, own].map(({ dataset }) => dataset)).toEqual(["orders", "customers", "default"]);
      for (const batch of [small, large, own])
        expect(await store().batch(batch.publicId, 1)).toMatchObject({ dataset: batch.dataset });
    });

    test("lists may be limited to one dataset", async () => {
      const [first, own] = [await made("orders"), await ready(store(), 1)];
      await made("customers");
      await made("orders", {}, 2);
      const last = await made("orders");
      const ids = async (query: object) => (await store().list({ limit: 9, ...query })).map(({ id }) => id);
      expect(await ids({ clientId: 1, dataset: "orders" })).toEqual([last.id, first.id]);
      expect(await ids({ clientId: 1, dataset: "orders", before: last.id })).toEqual([first.id]);
      expect(await ids({ clientId: 1, dataset: "default" })).toEqual([own.id]);
      expect(await ids({ dataset: "orders", state: "ready" })).toHaveLength(3);
      expect(await ids({ dataset: "unknown" })).toEqual([]);
    });

    test("content is known within its dataset, also for several small uploads at once", async () => {
      const outcomes = async (...commits: UploadCommit[]) =>
        (await Promise.all(commits.map((commit) => store().commitUpload(commit)))).map(({ outcome }) => outcome);
      const dedup = (digits: string) => ({ dedup: { keepMs: DAY_MS, hash: hash(digits) } });
      const own = { dedup: { keepMs: DAY_MS } };
      const first = await made("orders", dedup("0a"));
      expect(await outcomes(of("customers", dedup("0b")), of("default", own), of("other", dedup("0c")))).toEqual([
        "stored",
        "stored",
        "stored",
      ]);
      expect(await outcomes(of("orders", dedup("0a")), of("customers", dedup("0b")), of("default", own))).toEqual([
        "duplicate",
        "duplicate",
        "duplicate",
      ]);
      expect(await store().commitUpload(of("orders", dedup("0a")))).toMatchObject({ batch: { id: first.id } });
      const draft = { ...newBatch(1), dataset: "orders" };
      const id = await store().beginUpload(draft, LEASE);
      await store().appendChunks(id, [chunk(0)], LEASE);
      const large = of("orders", { ...dedup("0d"), id, batch: draft, chunks: [chunk(1)] });
      expect(await outcomes(large)).toEqual(["stored"]);
      expect(await outcomes(of("orders", dedup("0d")))).toEqual(["duplicate"]);
    });

    test("content of a failed or deleted batch may come again", async () => {
      const over = { dedup: { keepMs: DAY_MS, hash: hash("0a") } };
      const refused = await made("orders", { ...over, state: "rejected", due: null });
      const second = await made("orders", over);
      expect(second.id).not.toBe(refused.id);
      await deleted(database(), second.id);
      expect(await store().commitUpload(of("orders", over))).toMatchObject({ outcome: "stored" });
    });

    test("the batches of a dataset that have not ended are counted over all clients", async () => {
      await made("orders");
      await made("orders", { state: "held", due: null }, 2);
      await made("orders", { state: "rejected", due: null });
      await made("customers");
      await store().beginUpload({ ...newBatch(1), dataset: "orders" }, LEASE);
      expect(await store().openBatches("orders")).toBe(3);
      expect(await store().openBatches("unknown")).toBe(0);
    });

    test("a client's policy versions are deleted even if its batches pin datasets", async () => {
      const now = await database().now();
      const { Policy } = database().models;
      for (const [i, ago] of [50, 40, 30].entries())
        await Policy.create({ clientId: 1, version: i + 1, body: "{}", createdAt: now - ago * DAY_MS });
      await made("orders", { batch: { ...newBatch(1), dataset: "orders", policyVersion: -7 } });
      while (!(await store().forgetVersions(9)));
      expect((await Policy.findAll({ raw: true })).map(({ version }) => Number(version))).toEqual([3]);
    });

    test("a pinned version is deleted if a later one replaced it before the client's oldest batch", async () => {
      const now = await database().now();
      const { DatasetPin } = database().models;
      const pinned = async (clientId: number, dataset: string, ...days: number[]) => {
        for (const [datasetVersion, ago] of days.entries())
          await DatasetPin.create({
            clientId,
            dataset,
            policyVersion: 1,
            datasetVersion,
            grantVersion: 1,
            body: "{}",
            createdAt: now - ago * DAY_MS,
          });
      };
      const kept = async (clientId: number) => {
        while (!(await store().forgetPins(2)));
        const rows = await DatasetPin.findAll({ where: { clientId }, order: ["id"], raw: true });
        return rows.map(({ dataset, datasetVersion }) => `${dataset} ${datasetVersion}`);
      };
      await pinned(1, "orders", 50, 40, 30, 6, 3);
      await pinned(1, "customers", 50);
      expect(await kept(1)).toEqual(["orders 2", "orders 3", "orders 4", "customers 0"]);
      // A node that had not received the change made the older version last.
      await pinned(3, "customers", 40);
      const [current] = await DatasetPin.findAll({ where: { clientId: 3 } });
      await DatasetPin.update({ datasetVersion: 5 }, { where: { id: current?.id } });
      await pinned(3, "customers", 39);
      expect(await kept(3)).toEqual(["customers 5"]);
      await pinned(2, "orders", 50, 40, 30);
      const old = await made("orders", {}, 2);
      const createdAt = now - 35 * DAY_MS;
      await database().sequelize.query(`UPDATE batch SET created_at = ${createdAt} WHERE id = ${old.id}`);
      expect(await kept(2)).toEqual(["orders 0", "orders 1", "orders 2"]);
      await deleted(database(), old.id);
      expect(await kept(2)).toEqual(["orders 2"]);
    });
  });
}

/** Batches from before datasets existed belong to the client's own policy, and go on. */
export async function datasetsFromBefore(db: Database): Promise<void> {
  const dedup = { keepMs: DAY_MS };
  const batch = await ready(db.store, 1, { dedup });
  for (const table of ["shared_dataset", "dataset_grant", "dataset_pin"])
    await db.sequelize.query(`DROP TABLE "${table}"`);
  for (const index of ["client_id_dataset_id", "dataset_id"])
    await db.sequelize.query(`DROP INDEX "batch_${index}_ix"`);
  for (const column of ["dataset", "dedup_hash"])
    await db.sequelize.query(`ALTER TABLE "batch" DROP COLUMN "${column}"`);
  await db.sequelize.query(`DELETE FROM "schema_migration" WHERE "name" IN ('0020-datasets', '0021-dataset-batches')`);
  expect(await db.migrate()).toEqual(["0020-datasets", "0021-dataset-batches"]);
  const found = (await db.store.claim(batch.id, "node-1", LEASE))?.batch;
  expect(found).toMatchObject({ publicId: batch.publicId, dataset: "default" });
  expect(await db.store.list({ limit: 9, clientId: 1, dataset: "default" })).toHaveLength(1);
  expect(await db.store.commitUpload(upload(1, { dedup }))).toMatchObject({ outcome: "duplicate" });
  // A node of the previous release writes no dataset.
  await db.sequelize.query(`INSERT INTO batch (public_id, client_id, policy_version, state, format, envelope, bytes, records, chunks,
    phase, next_chunk, accepted, rejected, duplicate, fence, attempt, attempts_total, version, created_at)
    VALUES ('0193b3c4-0000-7000-8000-000000000001', 2, 0, 'held', 'csv', '{}', 0, 0, 0, 'deliver', 0, 0, 0, 0, 0, 0, 0, 1, 1)`);
  expect(await db.store.list({ limit: 9, clientId: 2 })).toMatchObject([{ dataset: "default" }]);
}
