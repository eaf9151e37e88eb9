import pg from "pg";
import { describePostgres, freshPostgres, keptDatabase } from "../../helpers/database.ts";
import { storeConformance } from "./conformance.ts";
import { stored, upload } from "./drafts.ts";

describePostgres("PostgreSQL", () => {
  const { open, end } = keptDatabase(freshPostgres);
  storeConformance("postgres", open);
  afterAll(end);
});

describePostgres("only on PostgreSQL", () => {
  afterEach(() => jest.restoreAllMocks());

  test("a small body is one statement, whatever is to be decided with it", async () => {
    const { db, remove } = await freshPostgres();
    const sent = jest.spyOn(pg.Client.prototype, "query");
    const key = { key: "k", keepMs: 60_000, fingerprint: "0a".repeat(32) };
    await stored(db.store, upload(1, { key, dedup: { keepMs: 60_000 }, quota: { bytes: 60, records: null } }));
    expect(sent).toHaveBeenCalledTimes(1);
    await remove();
  });
});
