/** The names of the services, and which of them a node starts. */
import { list, matching } from "./parse.ts";

/** The folders of services/, which are the names that SERVICES takes. */
export const serviceNames = [
  "api",
  "rateLimiter",
  "clientCache",
  "operator",
  "audit",
  "policy",
  "batchLock",
  "batchProcessor",
  "imports",
  "batch",
  "retention",
  "stats",
  "outbox",
  "webhook",
  "alerts",
] as const;

/** Services that start with another one. Older lists of SERVICES name only the other one. */
const companions: Readonly<Record<string, readonly string[]>> = {
  api: ["imports", "operator", "audit", "stats"],
  batch: ["retention", "stats"],
  webhook: ["alerts"],
};

/** The services that start for this list of names. */
export function withCompanions(names: readonly string[]): readonly string[] {
  const added = names.flatMap((name) => companions[name] ?? []);
  return Object.freeze([...new Set([...names, ...added])]);
}

/** The list in SERVICES. Names in their exact spelling: moleculer-runner uses them as folder names. */
export const serviceList = list(
  matching(new RegExp(`^(${serviceNames.join("|")})$`), `one of ${serviceNames.join(", ")}`),
);
