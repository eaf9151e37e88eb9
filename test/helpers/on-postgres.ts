/** Makes the systems of a test file use PostgreSQL. Without one its tests are skipped with a message. */
import { isPostgresThere } from "./database.ts";
import { skipAll } from "./skip.ts";

if (isPostgresThere(expect.getState().testPath ?? "")) process.env.TEST_DATABASE = "postgres";
else skipAll();
