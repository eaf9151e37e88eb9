import pg from "pg";
import { ddl } from "../../../database/dialects/postgres/ddl.ts";
import { describePostgres, freshPostgres } from "../../helpers/database.ts";
import { everySuite } from "./conformance.ts";
import { datasetsFromBefore } from "./datasets.suite.ts";
import { stored, upload } from "./drafts.ts";
import {
  countsFromBefore,
  passesFromBefore,
  placesFromBefore,
  queueFromBefore,
  reportsFromBefore,
  workFromBefore,
} from "./from-before.ts";
import { groupRaceSuite } from "./group-slots.suite.ts";
import { conformanceIn, postgresSpot } from "./places.ts";

describePostgres("PostgreSQL", () => {
  conformanceIn("postgres", postgresSpot, [...everySuite, groupRaceSuite]);
});

describePostgres("only on PostgreSQL", () => {
  afterEach(() => jest.restoreAllMocks());

  test("a batch from before maxStoredErrors existed goes on", async () => {
    const { db, remove } = await freshPostgres();
    await reportsFromBefore(db);
    await remove();
  });

  test("errors from before they had a pass number are read", async () => {
    const { db, remove } = await freshPostgres();
    await passesFromBefore(db);
    await remove();
  });

  test("a queue from before waiting clients were marked goes on", async () => {
    const { db, remove } = await freshPostgres();
    await queueFromBefore(db);
    await remove();
  });

  test("running batches from before batch_work existed go on", async () => {
    const { db, remove } = await freshPostgres();
    const trigger = ["TRIGGER batch_work_taken ON batch", "FUNCTION batch_work_taken"];
    await workFromBefore(
      db,
      trigger.map((one) => `DROP ${one}`),
    );
    await remove();
  });

  test("batches from before datasets were known are of the client's own", async () => {
    const { db, remove } = await freshPostgres();
    await datasetsFromBefore(db);
    await remove();
  });

  test("a running batch from before groups existed has its slot", async () => {
    const { db, remove } = await freshPostgres();
    await placesFromBefore(db);
    await remove();
  });

  test("running batches from before tables were delivered into go on", async () => {
    const { db, remove } = await freshPostgres();
    await countsFromBefore(db, ["DROP FUNCTION batch_work_taken CASCADE", ...ddl.workTaken]);
    await remove();
  });

  test("a small upload is one statement, also with key, dedup and quota", async () => {
    const { db, remove } = await freshPostgres();
    const sent = jest.spyOn(pg.Client.prototype, "query");
    const key = { key: "k", keepMs: 60_000, fingerprint: "0a".repeat(32) };
    await stored(db.store, upload(1, { key, dedup: { keepMs: 60_000 }, quota: { bytes: 60, records: null } }));
    expect(sent).toHaveBeenCalledTimes(1);
    await remove();
  });

  test("small uploads that come during a write share the next statement, unless they have the same content", async () => {
    const { db, remove } = await freshPostgres();
    await stored(db.store, upload(1));
    const sent = jest.spyOn(pg.Client.prototype, "query");
    const dedup = { keepMs: 60_000 };
    const totals = (n: number) => ({ ...upload(1).totals, contentHash: n.toString(16).padStart(64, "0") });
    const at = await Promise.all(
      Array.from({ length: 33 }, (_, n) => stored(db.store, upload(1, { dedup, totals: totals(n) }))),
    );
    expect(new Set(at.map(({ batch }) => batch.id)).size).toBe(33);
    // The first upload goes alone, and then sixteen twice. New connections send no query of their own.
    expect(sent).toHaveBeenCalledTimes(3);
    await remove();
  });
});
