/** `npm run migrate`: brings the database of the settings up to date; exit 1 and a message where that fails. */
import { exitOnFault, maskUrl, processConfig } from "../config.ts";
import { openDatabase } from "../database/database.ts";
import { DatabaseRefused } from "../database/errors.ts";
import { wrongUrl } from "../mixins/database.url.ts";

const { databaseUrl } = exitOnFault(processConfig);

try {
  const steps = await migrate();
  const name = maskUrl(databaseUrl);
  console.log(steps.length === 0 ? `${name} is up to date.` : `${name}: took ${steps.join(", ")}; now up to date.`);
} catch (error) {
  const shown = error instanceof DatabaseRefused ? wrongUrl(databaseUrl, error) : error;
  console.error(`The database was not migrated: ${shown instanceof Error ? shown.message : shown}`);
  process.exitCode = 1;
}

async function migrate(): Promise<string[]> {
  const database = await openDatabase({ url: databaseUrl, logger: console });
  try {
    return await database.migrate();
  } finally {
    await database.close();
  }
}
