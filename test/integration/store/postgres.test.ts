import pg from "pg";
import { describePostgres, freshPostgres, keptDatabase } from "../../helpers/database.ts";
import { storeConformance } from "./conformance.ts";
import {
  passesFromBefore,
  placesFromBefore,
  queueFromBefore,
  reportsFromBefore,
  stored,
  upload,
  workFromBefore,
} from "./drafts.ts";
import { groupPlaceSuite } from "./group.suite.ts";

describePostgres("PostgreSQL", () => {
  const { open, end } = keptDatabase(freshPostgres);
  storeConformance("postgres", open, [groupPlaceSuite]);
  afterAll(end);
});

describePostgres("only on PostgreSQL", () => {
  afterEach(() => jest.restoreAllMocks());

  test("a batch from before reports had a bound goes on", async () => {
    const { db, remove } = await freshPostgres();
    await reportsFromBefore(db);
    await remove();
  });

  test("errors from before they were numbered by pass are there", async () => {
    const { db, remove } = await freshPostgres();
    await passesFromBefore(db);
    await remove();
  });

  test("a queue from before clients that wait were known goes on", async () => {
    const { db, remove } = await freshPostgres();
    await queueFromBefore(db);
    await remove();
  });

  test("batches at work from before they had a row of their own for it go on", async () => {
    const { db, remove } = await freshPostgres();
    const trigger = ["TRIGGER batch_work_taken ON batch", "FUNCTION batch_work_taken"];
    await workFromBefore(
      db,
      trigger.map((one) => `DROP ${one}`),
    );
    await remove();
  });

  test("a batch from before groups were known has its place", async () => {
    const { db, remove } = await freshPostgres();
    await placesFromBefore(db);
    await remove();
  });

  test("a small body is one statement, whatever is to be decided with it", async () => {
    const { db, remove } = await freshPostgres();
    const sent = jest.spyOn(pg.Client.prototype, "query");
    const key = { key: "k", keepMs: 60_000, fingerprint: "0a".repeat(32) };
    await stored(db.store, upload(1, { key, dedup: { keepMs: 60_000 }, quota: { bytes: 60, records: null } }));
    expect(sent).toHaveBeenCalledTimes(1);
    await remove();
  });

  test("small bodies that come while others are written go together, each content by itself", async () => {
    const { db, remove } = await freshPostgres();
    await stored(db.store, upload(1));
    const sent = jest.spyOn(pg.Client.prototype, "query");
    const dedup = { keepMs: 60_000 };
    const totals = (n: number) => ({ ...upload(1).totals, contentHash: n.toString(16).padStart(64, "0") });
    const at = await Promise.all(
      Array.from({ length: 33 }, (_, n) => stored(db.store, upload(1, { dedup, totals: totals(n) }))),
    );
    expect(new Set(at.map(({ batch }) => batch.id)).size).toBe(33);
    // The first by itself, and sixteen twice; new connections ask nothing first.
    expect(sent).toHaveBeenCalledTimes(3);
    await remove();
  });
});
