import { randomUUID } from "node:crypto";
import type { Database } from "../../../database/database.ts";
import { newClient } from "./drafts.ts";

/** When the keys of a client were last used. */
export function keyUsesSuite(database: () => Database): void {
  describe("uses of keys", () => {
    const store = () => database().store;
    const made = async (identifier: string) =>
      Number((await database().models.Client.create(newClient(identifier))).id);
    const usesOf = async (clientId: number) => {
      const uses = await store().keyUses(clientId);
      return Object.fromEntries(uses.map(({ keyId, usedAt }) => [keyId, Number(usedAt)]));
    };

    test("the latest use of each key counts, whichever is written last, until the key is deleted", async () => {
      const [one, other] = [await made("one"), await made("other")];
      for (const at of [1_900_000_000_000, 1_900_000_120_000, 1_900_000_060_000])
        await store().noteKeyUse(one, "default", at);
      await store().noteKeyUse(one, "a", 7);
      await store().noteKeyUse(other, "a", 8);
      expect(await usesOf(one)).toEqual({ default: 1_900_000_120_000, a: 7 });
      await store().forgetKeyUse(one, "a");
      expect([await usesOf(one), await usesOf(other)]).toEqual([{ default: 1_900_000_120_000 }, { a: 8 }]);
    });

    test("an erased or deleted client gets no uses", async () => {
      const id = await made("one");
      await database().models.Client.update({ erasureId: randomUUID() }, { where: { id } });
      for (const clientId of [id, id + 1]) {
        await store().noteKeyUse(clientId, "default", 5);
        expect(await usesOf(clientId)).toEqual({});
      }
    });
  });
}
