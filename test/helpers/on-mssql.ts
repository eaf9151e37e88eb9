/** Makes the systems of a test file live on SQL Server; where none answers, its tests are skipped, loudly. */
import { isMssqlThere } from "./mssql.ts";
import { skipAll } from "./skip.ts";

if (isMssqlThere(expect.getState().testPath ?? "")) process.env.TEST_DATABASE = "mssql";
else skipAll();
