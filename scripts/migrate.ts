/** `npm run migrate`: brings the database of DATABASE_URL up to date. Several at once do no harm: they take turns. */
import { exitOnFault, maskUrl, processConfig } from "../config.ts";
import { openDatabase } from "../database/database.ts";

async function main(): Promise<void> {
  const { databaseUrl } = exitOnFault(processConfig);
  const database = await openDatabase({ url: databaseUrl, logger: console });
  try {
    const taken = await database.migrate();
    for (const name of taken) console.log(`Done: ${name}`);
    console.log(`${maskUrl(databaseUrl)} is up to date.`);
  } finally {
    await database.close();
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
