/**
 * starts.test.ts starts this process. It starts all services in one process with one environment after another, and prints why
 * each start fails.
 */
import { ConfigError } from "../../config/config.ts";
import { startSystem } from "../helpers/system.ts";

const environments = JSON.parse(process.argv[2] as string) as Record<string, string>[];
const ends: { code: number; logs: string }[] = [];
for (const env of environments) {
  const logs = await startSystem({ env: { ...env, LOG_LEVEL: "fatal" } }).then(
    () => "",
    (error: unknown) => (error instanceof ConfigError ? error.message : `not a wrong setting: ${error}`),
  );
  ends.push({ code: 1, logs });
}
process.stdout.write(JSON.stringify(ends), () => process.exit());
