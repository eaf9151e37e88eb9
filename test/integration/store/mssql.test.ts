import { keptDatabase } from "../../helpers/database.ts";
import { describeMssql, freshMssql } from "../../helpers/mssql.ts";
import { storeConformance } from "./conformance.ts";

describeMssql("SQL Server", () => {
  const { open, end } = keptDatabase(freshMssql);
  storeConformance("mssql", open);
  afterAll(end);
});
