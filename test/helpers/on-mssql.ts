/** Makes the systems of a test file use SQL Server. Without one its tests are skipped with a message. */
import { isMssqlThere } from "./mssql.ts";
import { skipAll } from "./skip.ts";

if (isMssqlThere(expect.getState().testPath ?? "")) process.env.TEST_DATABASE = "mssql";
else skipAll();
