/** Makes the systems of a test file live on PostgreSQL; where none answers, its tests are skipped, loudly. */
import { isPostgresThere } from "./database.ts";
import { skipAll } from "./skip.ts";

if (isPostgresThere(expect.getState().testPath ?? "")) process.env.TEST_DATABASE = "postgres";
else skipAll();
