import type { Database } from "../../../database/database.ts";
import {
  type AlertKind,
  type AlertWrite,
  alertKinds,
  type Gathered,
  QUEUE,
  type TakenAlert,
} from "../../../services/alerts/alerts.domain.ts";
import { uuidv7 } from "../../../services/ids.ts";
import { ready } from "./drafts.ts";

const LEASE = 60_000;

/** The promise: one node at a time sends what there is to send, and no note is lost. */
export function alertSuite(database: () => Database): void {
  describe("alerts", () => {
    const store = () => database().store;
    const note = (kind: "batch_failed" | "batch_held", clientId = 1, publicId = uuidv7()) =>
      store()
        .noteAlert({ publicId, kind, about: { clientId, code: "too-many-errors", status: null } })
        .then(() => publicId);
    const take = (kind: AlertKind = "batch_failed") => store().takeAlert(kind, uuidv7(), LEASE);
    const write = (taken: TakenAlert | null, over: Partial<AlertWrite> = {}) =>
      store().writeAlert({ ...(taken as TakenAlert), dueInMs: 0, notes: [], ...over });
    const gathered: Gathered = { first: { clientId: 1, code: "a\u0007" }, from: 1, to: 2, times: 3, clients: [[1, 3]] };

    beforeEach(() => store().openAlerts(alertKinds));

    test("only kinds with a note are due, and the queue always is", async () => {
      expect(await store().dueAlerts(QUEUE)).toEqual([QUEUE]);
      await note("batch_held");
      expect(await store().dueAlerts(QUEUE)).toEqual(["batch_held", QUEUE]);
      await store().openAlerts(alertKinds);
      const queue = await take(QUEUE);
      expect(await write(queue, { dueInMs: 60_000 })).toBe(true);
      expect(await store().dueAlerts(QUEUE)).toEqual(["batch_held"]);
    });

    test("a kind is taken by one of many at once, and again only once its lease is over", async () => {
      await note("batch_failed");
      const all = await Promise.all(Array.from({ length: 8 }, () => take()));
      expect(all.filter((taken) => taken !== null)).toEqual([
        { kind: "batch_failed", claim: expect.any(String), tries: 0, pending: null },
      ]);
      expect(await store().dueAlerts(QUEUE)).toEqual([QUEUE]);
      await database().sequelize.query('UPDATE "alert" SET "due_at" = 1');
      expect(await take()).not.toBeNull();
      // The earlier holder has lost its lease, and writes too late.
      const [late] = all.filter((taken) => taken !== null);
      expect(await write(late as TakenAlert, { tries: 9, pending: gathered })).toBe(false);
      await database().sequelize.query('UPDATE "alert" SET "due_at" = 1');
      expect(await take()).toMatchObject({ tries: 0, pending: null });
    });

    test("a note that comes again while it waits is one; each kind has its own, the oldest first", async () => {
      const [first, second] = [await note("batch_failed", 1), await note("batch_failed", 2)];
      await note("batch_held", 3);
      await note("batch_failed", 9, first);
      await database().sequelize.query(`UPDATE "alert_note" SET "at" = 1 WHERE "public_id" = '${first}'`);
      const found = await store().alertNotes("batch_failed", 9);
      expect(found).toEqual([
        {
          publicId: first,
          at: expect.any(Number),
          about: { clientId: 1, code: "too-many-errors", status: null },
        },
        { publicId: second, at: expect.any(Number), about: expect.objectContaining({ clientId: 2 }) },
      ]);
      expect(await store().alertNotes("batch_failed", 1)).toHaveLength(1);
    });

    test("taken notes are deleted by the write that contains them, and notes that came meanwhile stay", async () => {
      const first = await note("batch_failed");
      const taken = await take();
      const second = await note("batch_failed");
      expect(await write(taken, { pending: gathered, dueInMs: null, notes: [first] })).toBe(true);
      expect(await store().dueAlerts(QUEUE)).toEqual([QUEUE]);
      expect((await store().alertNotes("batch_failed", 9)).map(({ publicId }) => publicId)).toEqual([second]);
      expect(await write(taken, { pending: gathered, tries: 2 })).toBe(true);
      const again = await take();
      expect(again).toMatchObject({ tries: 2, pending: gathered });
      expect(await write(again, { pending: null, tries: 0, notes: [second] })).toBe(true);
      expect(await store().dueAlerts(QUEUE)).toEqual([QUEUE]);
      // A holder that has released its lease writes nothing more.
      expect(await write(again, { notes: [] })).toBe(false);
    });

    test("a database from before there were alerts keeps what it has", async () => {
      const batch = await ready(store(), 1);
      for (const table of ["alert", "alert_note"]) await database().sequelize.query(`DROP TABLE "${table}"`);
      await database().sequelize.query(`DELETE FROM "schema_migration" WHERE "name" = '0062-alerts'`);
      expect(await database().migrate()).toEqual(["0062-alerts"]);
      expect(await store().batch(batch.publicId, null)).toEqual(batch);
      await store().openAlerts(alertKinds);
      await note("batch_held");
      expect(await store().dueAlerts(QUEUE)).toEqual(["batch_held", QUEUE]);
    });
  });
}
