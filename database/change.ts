import { setTimeout as pause } from "node:timers/promises";
import type { Transaction } from "sequelize";
import type { AuditDraft } from "../services/audit/audit.domain.ts";
import type { OutboxDraft, OutboxRow } from "../services/outbox/outbox.domain.ts";
import type { Database } from "./database.ts";
import { isOutcomeUnknown } from "./errors.ts";
import type { Models } from "./models.ts";
import { isUnavailable } from "./unavailable.ts";

/**
 * How long to look for the event after a COMMIT whose answer was lost. Less than 5 s: after that another node's sweep may
 * have published and deleted the event.
 */
const LOOK_MS = 2_000;
const BETWEEN_LOOKS_MS = 100;

/** What a change wrote (`value`), and its event (`outbox`). Both are committed. The caller publishes the event. */
export interface Changed<T> {
  value: T;
  outbox: OutboxRow[];
}

/** Where a row of a change is written. */
interface Place {
  transaction: Transaction;
  nowMs: number;
}

/** Writes the audit row of a change, in the change's transaction. `draft` null: the change has no audit row. */
export async function addAudit({ Audit }: Models, draft: AuditDraft | null, { transaction, nowMs }: Place) {
  if (draft) await Audit.create({ ...draft, at: nowMs }, { transaction });
}

/** Commits a change without an event. Rejects also after a lost answer. `write`: as in `changeWithEvent`. */
export async function changeSilently<T>(
  { sequelize, now }: Database,
  write: (transaction: Transaction, nowMs: number) => Promise<T>,
): Promise<T> {
  const nowMs = await now();
  return sequelize.transaction((transaction) => write(transaction, nowMs));
}

/**
 * Commits a change and its event in one transaction. If the process dies at any moment, both are stored or neither is.
 * `write` must use the database only through its transaction: on SQLite the transaction blocks all other statements. For the
 * same reason the clock is read before the transaction begins.
 */
export async function changeWithEvent<T>(
  { sequelize, models, now }: Database,
  write: (transaction: Transaction, nowMs: number) => Promise<T>,
  eventOf: (value: T) => OutboxDraft,
): Promise<Changed<T>> {
  const nowMs = await now();
  let made: Changed<T> | null = null;
  try {
    return await sequelize.transaction(async (transaction) => {
      const value = await write(transaction, nowMs);
      const draft = eventOf(value);
      const row = await models.Outbox.create({ ...draft, dueAt: nowMs, attempts: 0 }, { transaction });
      made = { value, outbox: [{ ...draft, id: Number(row.id), attempts: 0 }] };
      return made;
    });
  } catch (error) {
    if (made && isOutcomeUnknown(error) && (await isCommitted(models, made))) return made;
    throw error;
  }
}

/** Whether a COMMIT with a lost answer took effect: a stored event proves it. False: no effect, or not yet. */
async function isCommitted({ Outbox }: Models, { outbox }: Changed<unknown>): Promise<boolean> {
  const ids = outbox.map(({ id }) => id);
  const end = performance.now() + LOOK_MS;
  while (performance.now() < end) {
    await pause(BETWEEN_LOOKS_MS);
    const found = await Outbox.count({ where: { id: ids } }).catch((error: unknown) => {
      if (!isUnavailable(error)) throw error;
      return 0;
    });
    if (found > 0) return true;
  }
  return false;
}
