import type { Database } from "../../../database/database.ts";
import { alertSuite } from "./alerts.suite.ts";
import { auditSuite } from "./audit.suite.ts";
import { batchWalkSuite } from "./batch-walks.suite.ts";
import { checkedSuite } from "./checked.suite.ts";
import { clientLimitSuite } from "./client-limits.suite.ts";
import { datasetSuite } from "./datasets.suite.ts";
import { dedupSuite } from "./dedup.suite.ts";
import { deliveryListSuite } from "./deliveries.lists.suite.ts";
import { deliverySuite } from "./deliveries.suite.ts";
import { documentSuite } from "./documents.suite.ts";
import { errorGroupSuite } from "./error-groups.suite.ts";
import { fairnessSuite } from "./fairness.suite.ts";
import { figuresSuite } from "./figures.suite.ts";
import { groupSuite } from "./group.suite.ts";
import { groupKeySuite } from "./group-keys.suite.ts";
import { groupSlotSuite } from "./group-slots.suite.ts";
import { historySuite } from "./history.suite.ts";
import { idempotencySuite } from "./idempotency.suite.ts";
import { keyUsesSuite } from "./key-uses.suite.ts";
import { lockSuite } from "./locks.suite.ts";
import { modelSuite } from "./models.suite.ts";
import { moveSuite } from "./moves.suite.ts";
import { orderSuite } from "./order.suite.ts";
import { pauseSuite } from "./pauses.suite.ts";
import { retentionSuite } from "./retention.suite.ts";
import { undoSuite } from "./undo.suite.ts";
import { uniqueKeyEndSuite } from "./unique-keys.ends.suite.ts";
import { uniqueKeySuite } from "./unique-keys.suite.ts";
import { uploadSuite } from "./uploads.suite.ts";
import { versionsSuite } from "./versions.suite.ts";
import { workSuite } from "./work.suite.ts";
import { workRowSuite } from "./work-row.suite.ts";

export interface Opened {
  db: Database;
  remove(): Promise<void>;
}

/** Opens a new migrated database. The suite removes it after its test. */
export type Open = () => Promise<Opened>;

/** A part of the suite. `database` answers the database of the running test. */
export type Suite = (database: () => Database) => void;

/** All promises of `BatchStore`, which every dialect must keep. */
export const everySuite: readonly Suite[] = [
  uploadSuite,
  idempotencySuite,
  dedupSuite,
  checkedSuite,
  workSuite,
  errorGroupSuite,
  moveSuite,
  orderSuite,
  workRowSuite,
  groupSuite,
  groupKeySuite,
  groupSlotSuite,
  fairnessSuite,
  pauseSuite,
  clientLimitSuite,
  figuresSuite,
  retentionSuite,
  undoSuite,
  deliverySuite,
  deliveryListSuite,
  alertSuite,
  uniqueKeySuite,
  uniqueKeyEndSuite,
  lockSuite,
  modelSuite,
  versionsSuite,
  auditSuite,
  documentSuite,
  keyUsesSuite,
  historySuite,
  datasetSuite,
  batchWalkSuite,
];

export function storeConformance(name: string, open: Open, suites = everySuite): void {
  describe(`store on ${name}`, () => {
    let opened: Opened;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.remove());

    for (const suite of suites) suite(() => opened.db);
  });
}
