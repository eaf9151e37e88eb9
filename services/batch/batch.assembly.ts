/** Puts together what the parts of the state machine share, when the service starts. */

import type { Database } from "../../database/database.ts";
import { hasAlerts } from "../alerts.ts";
import { announceBatches } from "../batches.ts";
import { Elsewhere } from "./batch.elsewhere.ts";
import { BatchEvents } from "./batch.events.ts";
import { evaluating } from "./batch.order.ts";
import type { BatchParts } from "./batch.parts.ts";
import { PinnedPolicies } from "./batch.pinned.ts";

/** What the service itself gives: what it stands on, and its work in the background. */
interface Given extends Pick<BatchParts, "broker" | "logger" | "figures" | "tables" | "follow" | "wakeWorkers"> {
  database: Database;
}

export function assembled(given: Given, { leaseMs, namespace }: { leaseMs: number; namespace: string }): BatchParts {
  const { broker, logger, figures, tables } = given;
  const { store } = given.database;
  const pinned = new PinnedPolicies(broker);
  const elsewhere = new Elsewhere({ tables, store, pinned, logger });
  return {
    store,
    leaseMs,
    figures,
    logger,
    pinned,
    elsewhere,
    broker,
    tables,
    events: new BatchEvents(namespace, pinned, hasAlerts(broker)),
    announce: (...all) => {
      announceBatches(broker, all);
      void elsewhere.forget(all.map(({ batch }) => batch));
    },
    wakeWorkers: () => given.wakeWorkers(),
    evaluate: evaluating(broker),
    follow: (batch) => given.follow(batch),
  };
}
