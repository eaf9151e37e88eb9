/** The methods of the store whose units are the same in all dialects. */

import { alertUnits } from "./alerts.ts";
import { auditUnits } from "./audit.ts";
import { batchHistoryUnits } from "./batch-history.ts";
import { batchSearchUnits } from "./batch-search.ts";
import { batchWalkUnits } from "./batch-walks.ts";
import { clientLimitUnits } from "./client-limits.ts";
import { clientUnits } from "./clients.ts";
import { outboxUnits } from "./deliveries.ts";
import { documentUnits } from "./documents.ts";
import { erasureUnits } from "./erasure.ts";
import { errorGroupUnits } from "./error-groups.ts";
import { fairnessUnits } from "./fairness.ts";
import { figureUnits } from "./figures.ts";
import { historyUnits } from "./history.ts";
import { keyUseUnits } from "./key-uses.ts";
import { endedScopeUnits, keyUnits } from "./keys.ts";
import { moveUnits } from "./moves.ts";
import { orderUnits } from "./order.ts";
import { attemptUnits, readUnits } from "./reads.ts";
import { refusedUnits } from "./refused.ts";
import { removalUnits } from "./removal.ts";
import { undoUnits } from "./undo.ts";
import type { Units } from "./unit.ts";
import { keyAndQuotaUnits, type UploadChecks } from "./uploads.checks.ts";
import { uploadUnits } from "./uploads.ts";
import { versionUnits } from "./versions.ts";
import { workUnits } from "./work.ts";

export const sharedStore = (on: Units, checks: UploadChecks) => ({
  ...alertUnits(on),
  ...attemptUnits(on),
  ...batchSearchUnits(on),
  ...batchWalkUnits(on),
  ...erasureUnits(on),
  ...auditUnits(on),
  ...errorGroupUnits(on),
  ...clientLimitUnits(on),
  ...clientUnits(on),
  ...documentUnits(on),
  ...fairnessUnits(on),
  ...figureUnits(on),
  ...batchHistoryUnits(on),
  ...historyUnits(on),
  ...keyUnits(on),
  ...endedScopeUnits(on),
  ...keyUseUnits(on),
  ...moveUnits(on),
  ...orderUnits(on),
  ...outboxUnits(on),
  ...readUnits(on),
  ...refusedUnits(on),
  ...removalUnits(on),
  ...undoUnits(on),
  ...keyAndQuotaUnits(on, checks),
  ...uploadUnits(on, checks),
  ...versionUnits(on),
  ...workUnits(on),
});

/** Binds a dialect's own units to its connections, so that they become methods of the store. */
export const bindUnits = <On, Units extends Record<string, (on: On, ...args: never[]) => unknown>>(
  units: Units,
  on: On,
) => Object.fromEntries(Object.entries(units).map(([name, unit]) => [name, unit.bind(null, on)])) as Bound<Units>;

type Bound<Units> = {
  [Name in keyof Units]: Units[Name] extends (on: never, ...args: infer Args) => infer Answer
    ? (...args: Args) => Answer
    : never;
};
