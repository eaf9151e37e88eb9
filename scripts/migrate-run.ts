/** `npm run migrate`: brings the database of the settings up to date. */
import { type Config, maskUrl } from "../config/config.ts";
import type { TableDatabase } from "../config/tables.ts";
import { openDatabase } from "../database/database.ts";
import { openUrl } from "../database/targets/databases.ts";
import { isUnavailable } from "../database/unavailable.ts";
import { wrongUrl } from "../database/wrong-url.ts";

/** Runs the command. Answers the exit code: 0, or 1 after it has printed the reason. */
export async function migrate(config: Config, output: Console, args: string[] = []): Promise<number> {
  const { databaseUrl } = config;
  if (args.length > 0) return migrateApplied(config, output, args);
  try {
    const steps = await migrated(config, output);
    const name = maskUrl(databaseUrl);
    output.log(steps.length === 0 ? `${name} is up to date.` : `${name}: took ${steps.join(", ")}; now up to date.`);
    return 0;
  } catch (error) {
    output.error(`The database was not migrated: ${await reasonOf(databaseUrl, error)}`);
    return 1;
  }
}

/** `--applied NAME`: creates the table `dataflow_applied` in the database NAME of `TABLE_DATABASES`. */
async function migrateApplied({ tableDatabases }: Config, output: Console, args: string[]): Promise<number> {
  const [option, name, ...more] = args;
  const database = tableDatabases.find((one) => one.name === name);
  try {
    if (option !== "--applied" || !database || more.length > 0)
      throw new Error(`expected nothing, or --applied and a name of TABLE_DATABASES; found ${args.join(" ")}`);
    await made(database);
    output.log(`${maskUrl(database.url)}: dataflow_applied is there.`);
    return 0;
  } catch (error) {
    output.error(`dataflow_applied was not made: ${(error as Error).message}`);
    return 1;
  }
}

async function made({ name, url }: TableDatabase): Promise<void> {
  const { applied, close } = await openUrl({ name, url, connections: 1 });
  try {
    await applied.make();
  } finally {
    await close?.();
  }
}

async function migrated({ databaseUrl, databaseSchema }: Config, logger: Console): Promise<string[]> {
  const database = await openDatabase({ url: databaseUrl, schema: databaseSchema, logger });
  try {
    return await database.migrate();
  } finally {
    await database.close();
  }
}

/** The reason of a failure. It names the setting and the server, but no secret. */
async function reasonOf(databaseUrl: string, error: unknown): Promise<string> {
  const fault = await wrongUrl(databaseUrl, error);
  if (fault) return fault.message;
  const message = error instanceof Error ? error.message : String(error);
  return isUnavailable(error) ? `DATABASE_URL: ${maskUrl(databaseUrl)} is away: ${message}` : message;
}
