import { randomUUID } from "node:crypto";
import { UniqueConstraintError } from "sequelize";
import type { Database } from "../../../database/database.ts";
import { rowsWhere } from "../../../database/model-reads.ts";
import { newClient, ready } from "./drafts.ts";

/** Sequelize on the same database as the store: models, transactions, migrations. */
export function modelSuite(database: () => Database): void {
  describe("models and migrations", () => {
    test("a client is written, read, and found by each unique column", async () => {
      const { Client } = database().models;
      const acme = newClient("acme");
      const made = await Client.create(acme);
      const found = await Client.findOne({ where: { identifier: "acme" } });
      expect(found?.get()).toMatchObject({ ...acme, id: made.id, oldSecretHash: null });
      expect(found?.secretHash.equals(Buffer.alloc(32, 7))).toBe(true);
      const twice = Client.create({ ...acme, publicId: randomUUID() });
      await expect(twice).rejects.toBeInstanceOf(UniqueConstraintError);
      expect(await Client.update({ name: "B", version: 2 }, { where: { id: made.id, version: 1 } })).toEqual([1]);
      expect(await Client.update({ name: "C", version: 2 }, { where: { id: made.id, version: 1 } })).toEqual([0]);
    });

    test("rows are found by value, by range, and by the greatest of equal ones", async () => {
      const { Client, Policy } = database().models;
      const names = async (wanted: object) => (await rowsWhere(Client, wanted)).map(({ identifier }) => identifier);
      const clients = ["a", "b", "c"].map((name, i) => ({ ...newClient(name), changedAt: i + 1 }));
      for (const one of clients) await Client.create(one);
      expect(await names({ identifier: "b" })).toEqual(["b"]);
      expect(await names({ identifier: "b' OR '1'='1" })).toEqual([]);
      expect((await names({ changedAt: { atLeast: 2.9 } })).sort()).toEqual(["b", "c"]);
      const { publicId } = clients[0] as { publicId: string };
      const [a] = await rowsWhere(Client, { publicId });
      for (const other of [publicId.toUpperCase(), `${publicId} `, "no-uuid", ""])
        expect(await rowsWhere(Client, { publicId: other })).toEqual([]);
      expect(a?.get({ plain: true })).toEqual({
        ...clients[0],
        id: a?.id,
        pausedAt: null,
        pausedBy: null,
        oldSecretHash: null,
        oldSecretUntil: null,
        secretAt: null,
        webhookOffAt: null,
        legalHold: null,
        keys: null,
        erasureId: null,
      });
      const rows = [1, 2, 10].map((version) => ({ clientId: 1, version, body: `{"v":${version}}`, createdAt: 1 }));
      await Policy.bulkCreate([...rows, { ...rows[2], clientId: 2, version: 11 } as never]);
      const newest = await rowsWhere(Policy, { clientId: 1 }, { greatest: "version" });
      expect(newest.map(({ body }) => body)).toEqual(['{"v":10}']);
      const inside = database().sequelize.transaction(async (transaction) => {
        await Client.create(newClient("d"), { transaction });
        return rowsWhere(Client, { identifier: "d" }, { transaction });
      });
      expect(await inside).toHaveLength(1);
    });

    test("policies are kept by version", async () => {
      const { Policy } = database().models;
      const createdAt = await database().now();
      await Policy.bulkCreate([1, 2].map((version) => ({ clientId: 1, version, body: `{"v":${version}}`, createdAt })));
      expect((await Policy.findOne({ where: { clientId: 1, version: 2 } }))?.body).toBe('{"v":2}');
      expect(await Policy.max("version", { where: { clientId: 1 } })).toBe(2);
    });

    test("a transaction is all or nothing, and several may be open", async () => {
      const { sequelize, models } = database();
      const failing = sequelize.transaction(async (transaction) => {
        await models.Client.create(newClient("a"), { transaction });
        throw new Error("changed my mind");
      });
      await expect(failing).rejects.toThrow("changed my mind");
      expect(await models.Client.count()).toBe(0);
      const add = (name: string) =>
        sequelize.transaction(async (transaction) => {
          const before = await models.Client.count({ where: { identifier: name }, transaction });
          await models.Client.create(newClient(name), { transaction });
          return (await models.Client.count({ where: { identifier: name }, transaction })) - before;
        });
      expect(await Promise.all(["a", "b", "c"].map(add))).toEqual([1, 1, 1]);
      expect(await models.Client.count()).toBe(3);
    });

    test("the store works on while and after a transaction is open", async () => {
      const { sequelize, models, store } = database();
      const order: string[] = [];
      let upload: Promise<unknown> = Promise.resolve();
      await sequelize.transaction(async (transaction) => {
        await models.Client.create(newClient("a"), { transaction });
        upload = ready(store, 1).then(() => order.push("upload"));
        expect(await store.list({ limit: 10 })).toBeDefined();
        await models.Client.create(newClient("b"), { transaction });
        order.push("commit");
      });
      await upload;
      expect([...order].sort()).toEqual(["commit", "upload"]);
      expect(await store.list({ limit: 10 })).toHaveLength(1);
    });

    test("migrations run once, even if several callers ask", async () => {
      expect(await database().pending()).toEqual([]);
      expect(await Promise.all([database().migrate(), database().migrate()])).toEqual([[], []]);
      await database().ping("a-node");
    });
  });
}
