import type { Database } from "../../../database/database.ts";
import { deleted, ready, upload } from "./drafts.ts";

const DAY_MS = 86_400_000;

/** The promise: a policy version is kept as long as a batch exists that was accepted under it. */
export function versionsSuite(database: () => Database): void {
  describe("policy versions", () => {
    const store = () => database().store;
    const pinning = (clientId: number, policyVersion: number) =>
      ready(store(), clientId, { batch: { ...upload(clientId).batch, policyVersion } });

    /** `days`: how many days ago each version was made, in their order. */
    async function policies(clientId: number, days: number[]): Promise<void> {
      const now = await database().now();
      for (const [i, ago] of days.entries())
        await database().sequelize.query(
          `INSERT INTO policy (client_id, version, body, created_at) VALUES (${clientId}, ${i + 1}, '{}', ${now - ago * DAY_MS})`,
        );
    }
    async function versions(clientId: number): Promise<number[]> {
      while (!(await store().forgetVersions(2)));
      const [rows] = await database().sequelize.query(
        `SELECT version FROM policy WHERE client_id = ${clientId} ORDER BY version`,
      );
      return (rows as { version: number }[]).map(({ version }) => Number(version));
    }
    const madeAgo = async (id: number, days: number) =>
      database().sequelize.query(
        `UPDATE batch SET created_at = ${(await database().now()) - days * DAY_MS} WHERE id = ${id}`,
      );

    test("versions that were replaced long ago are deleted in pieces; the current one stays, whatever its age", async () => {
      await policies(1, [50, 40, 30, 20, 10]);
      await policies(2, [50]);
      expect(await store().forgetVersions(2)).toBe(false);
      expect(await versions(1)).toEqual([5]);
      expect(await versions(2)).toEqual([1]);
    });

    test("a version that was replaced recently stays: an upload may have begun under it", async () => {
      await policies(1, [50, 40, 6, 3]);
      expect(await versions(1)).toEqual([2, 3, 4]);
    });

    test("a version that a batch pins stays, with all later ones, until the batch is gone", async () => {
      await policies(1, [50, 40, 30, 20, 10]);
      await policies(2, [50, 40]);
      const batch = await pinning(1, 3);
      await pinning(1, 5);
      expect(await versions(1)).toEqual([3, 4, 5]);
      await madeAgo(batch.id, 29);
      expect(await versions(1)).toEqual([3, 4, 5]);
      await deleted(database(), batch.id);
      expect(await versions(1)).toEqual([5]);
    });

    test("a batch with a wrong time keeps its version, and so does one that was made at its end", async () => {
      await policies(1, [50, 40, 30]);
      await pinning(1, 2);
      expect(await versions(1)).toEqual([2, 3]);
      await policies(2, [50, 31, 30]);
      const late = await pinning(2, 3);
      await madeAgo(late.id, 28);
      expect(await versions(2)).toEqual([1, 2, 3]);
    });
  });
}
