/** Makes the systems of a test file live on PostgreSQL; where none answers, its tests are skipped, loudly. */
import { isPostgresThere } from "./database.ts";

if (isPostgresThere(expect.getState().testPath ?? "")) process.env.TEST_DATABASE = "postgres";
else {
  const skip = Object.assign(test.skip.bind(null), test.skip);
  Object.assign(globalThis, { test: skip, it: skip });
}
