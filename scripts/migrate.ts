/** `npm run migrate`: brings the database of the settings up to date; if that fails it prints a message and exits with 1. */
import { exitOnFault, maskUrl, processConfig } from "../config/config.ts";
import { openDatabase } from "../database/database.ts";
import { isUnavailable } from "../database/unavailable.ts";
import { wrongUrl } from "../database/wrong-url.ts";

const { databaseUrl, databaseSchema } = exitOnFault(processConfig);

try {
  const steps = await migrate();
  const name = maskUrl(databaseUrl);
  console.log(steps.length === 0 ? `${name} is up to date.` : `${name}: took ${steps.join(", ")}; now up to date.`);
} catch (error) {
  console.error(`The database was not migrated: ${await reasonOf(error)}`);
  process.exitCode = 1;
}

async function migrate(): Promise<string[]> {
  const database = await openDatabase({ url: databaseUrl, schema: databaseSchema, logger: console });
  try {
    return await database.migrate();
  } finally {
    await database.close();
  }
}

/** The reason, with the setting and the server at fault, without the secret. */
async function reasonOf(error: unknown): Promise<string> {
  const fault = await wrongUrl(databaseUrl, error);
  if (fault) return fault.message;
  const message = error instanceof Error ? error.message : String(error);
  return isUnavailable(error) ? `DATABASE_URL: ${maskUrl(databaseUrl)} is away: ${message}` : message;
}
