/** Delivery into the company's own tables on PostgreSQL, in DataFlow's own database. */
import type { Database } from "../../../database/database.ts";
import { describePostgres, freshPostgres } from "../../helpers/database.ts";
import { run } from "./delivery.kit.ts";
import { faultsSuite } from "./faults.suite.ts";
import { modesSuite } from "./modes.suite.ts";
import { orderSuite } from "./order.suite.ts";
import { COLLATION, orderedTables, TABLES } from "./postgres.kit.ts";

let db: Database;

describePostgres("tables on PostgreSQL", () => {
  let remove: () => Promise<void>;
  beforeAll(async () => {
    ({ db, remove } = await freshPostgres());
  });
  afterAll(() => remove());

  const server = { db: () => db, tables: () => run(db, ...TABLES), namesReferences: true };

  describe("modes", () => modesSuite(server));
  describe("faults", () => faultsSuite(server));

  describe("a chunk is its records one by one", () => {
    beforeAll(() => run(db, COLLATION));
    orderSuite({ db: () => db, table: (kind) => run(db, ...orderedTables(kind)) });
  });
});
