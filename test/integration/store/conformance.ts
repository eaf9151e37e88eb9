import type { Database } from "../../../database/database.ts";
import { deliverySuite } from "./deliveries.suite.ts";
import { fairnessSuite } from "./fairness.suite.ts";
import { figuresSuite } from "./figures.suite.ts";
import { groupSuite } from "./group.suite.ts";
import { keepingSuite } from "./keeping.suite.ts";
import { keySuite } from "./keys.suite.ts";
import { lockSuite } from "./locks.suite.ts";
import { modelSuite } from "./models.suite.ts";
import { repeatSuite } from "./repeats.suite.ts";
import { uploadSuite } from "./uploads.suite.ts";
import { versionsSuite } from "./versions.suite.ts";
import { workSuite } from "./work.suite.ts";
import { workRowSuite } from "./work-row.suite.ts";

export interface Opened {
  db: Database;
  remove(): Promise<void>;
}

/** A fresh, migrated database; the suite removes it after its test. */
export type Open = () => Promise<Opened>;

/** What every dialect of `BatchStore` promises, and what this one does beyond that. */
export function storeConformance(name: string, open: Open, more: ((database: () => Database) => void)[] = []): void {
  describe(`store on ${name}`, () => {
    let opened: Opened;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.remove());

    for (const suite of [
      uploadSuite,
      repeatSuite,
      workSuite,
      workRowSuite,
      groupSuite,
      fairnessSuite,
      figuresSuite,
      keepingSuite,
      deliverySuite,
      keySuite,
      lockSuite,
      modelSuite,
      versionsSuite,
      ...more,
    ])
      suite(() => opened.db);
  });
}
