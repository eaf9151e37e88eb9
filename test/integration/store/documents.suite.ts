import type { Database } from "../../../database/database.ts";
import { rowsWhere } from "../../../database/model-reads.ts";
import { type DocumentName, datasetOf, policyOf } from "../../../services/policy/policy.domain.ts";
import { addVersion } from "../../../services/policy/policy.versions.ts";

/** The newest versions of each policy and dataset are kept for operators. */
export function documentSuite(database: () => Database): void {
  describe("versions of documents", () => {
    const store = () => database().store;
    async function add(of: DocumentName, version: number, after: object | null = { version }): Promise<void> {
      const { models, sequelize, now } = database();
      const nowMs = await now();
      const made = { ...of, version, who: "alice", before: { version: version - 1 }, after };
      await sequelize.transaction((transaction) => addVersion(models, made, { transaction, nowMs }));
    }
    const listed = async (of: DocumentName, before?: number) => {
      const rows = await store().documentVersions({ ...of, before, limit: 500 });
      return rows.map(({ version }) => version);
    };

    test("are listed by document, the newest first, and pages go on behind one", async () => {
      for (const version of [1, 2, 3]) await add(policyOf(7), version);
      await add(policyOf(8), 5);
      await add(datasetOf("orders"), 1);
      await add(datasetOf("orders"), 2, null);
      expect(await listed(policyOf(7))).toEqual([3, 2, 1]);
      expect(await listed(policyOf(7), 3)).toEqual([2, 1]);
      expect(await listed(policyOf(9))).toEqual([]);
      const [deletion, made] = await store().documentVersions({ ...datasetOf("orders"), limit: 2 });
      expect(deletion).toEqual({ version: 2, at: expect.any(Number), who: "alice", changed: "[]", isDeletion: 1 });
      expect(made).toMatchObject({ version: 1, changed: '["version"]', isDeletion: 0 });
      expect(await store().keptVersions(policyOf(7))).toEqual({ from: 1, to: 3 });
      expect(await store().keptVersions(datasetOf("other"))).toBeNull();
    });

    test("the newest 100 versions are kept, and a document whose versions begin anew has a new list", async () => {
      for (const version of [1, 2, 3, 50, 101, 102]) await add(policyOf(7), version);
      await add(policyOf(8), 1);
      expect(await listed(policyOf(7))).toEqual([102, 101, 50, 3]);
      await add(policyOf(7), 50, { version: "other" });
      expect(await listed(policyOf(7))).toEqual([50, 3]);
      const [row] = await rowsWhere(database().models.DocumentVersion, { ...policyOf(7), version: 50 });
      expect(row?.get("body")).toBe('{"version":"other"}');
      expect(await listed(policyOf(8))).toEqual([1]);
    });

    test("versions from before the list existed are migrated without an author, the newest 100 of each document", async () => {
      const db = database();
      const at = await db.now();
      for (const version of [1, 2, 101, 102])
        await db.models.Policy.create({ clientId: 7, version, body: `{"weight":${version}}`, createdAt: at });
      const made = { since: 1, clients: 0, grantChanges: 0, changedAt: at };
      await db.models.SharedDataset.create({ name: "orders", version: 3, body: '{"maxErrors":1}', ...made });
      await db.models.SharedDataset.create({ name: "gone", version: 4, body: null, ...made });
      await db.sequelize.query('DROP TABLE "document_version"');
      await db.sequelize.query(`DELETE FROM "schema_migration" WHERE "name" = '0053-document-versions'`);
      expect(await db.migrate()).toEqual(["0053-document-versions"]);
      expect(await listed(policyOf(7))).toEqual([102, 101]);
      const nobody = { at, who: null, changed: null };
      const all = async (of: DocumentName) => store().documentVersions({ ...of, limit: 9 });
      expect(await all(datasetOf("orders"))).toEqual([{ version: 3, ...nobody, isDeletion: 0 }]);
      expect(await all(datasetOf("gone"))).toEqual([{ version: 4, ...nobody, isDeletion: 1 }]);
      const [row] = await rowsWhere(db.models.DocumentVersion, { ...policyOf(7), version: 102 });
      expect(row?.get("body")).toBe('{"weight":102}');
    });
  });
}
