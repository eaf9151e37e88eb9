import type { Values } from "./settings.ts";

/** A wrong setting: its variable, what was expected and what was found; never a secret. */
export interface SettingFault {
  name: string;
  expected: string;
  found: string;
}

/** Rules between settings. A setting that is wrong by itself is undefined here, so it is reported once. */
export function rulesBetween(values: Partial<Values>): SettingFault[] {
  const faults: SettingFault[] = [];
  const { databaseUrl, adminToken, redisUrl, port, metricsPort } = values;
  if (databaseUrl && !databaseUrl.startsWith("sqlite:") && adminToken === null) {
    const expected = "at least 24 characters (one is made only with SQLite, where nodes need not share it)";
    faults.push({ name: "ADMIN_TOKEN", expected, found: "nothing" });
  }
  if (redisUrl === null && values.batchLockProvider === "redis") {
    faults.push({ name: "REDIS_URL", expected: "a URL, for BATCH_LOCK_PROVIDER is redis", found: "nothing" });
  }
  if (redisUrl === null && values.redisLockNodes) {
    faults.push({ name: "REDIS_URL", expected: "a URL, for there are REDIS_LOCK_NODES", found: "nothing" });
  }
  if (metricsPort && metricsPort === port) {
    faults.push({ name: "METRICS_PORT", expected: "another port than PORT", found: String(metricsPort) });
  }
  return faults;
}
