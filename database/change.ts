import type { Transaction } from "sequelize";
import type { Database } from "./database.ts";
import type { OutboxDraft, OutboxRow } from "./store.ts";

/** What a change wrote, and its event, to be published now that both are committed. */
export interface Changed<T> {
  value: T;
  outbox: OutboxRow[];
}

/**
 * Commits a change and the event that tells of it as one: neither is there without the other, whenever the process dies.
 * `write` must not use the database but through its transaction, which keeps others out; hence `now` is asked before.
 */
export async function changeWithEvent<T>(
  { sequelize, models, now }: Database,
  write: (transaction: Transaction, nowMs: number) => Promise<T>,
  eventOf: (value: T) => OutboxDraft,
): Promise<Changed<T>> {
  const nowMs = await now();
  return sequelize.transaction(async (transaction) => {
    const value = await write(transaction, nowMs);
    const draft = eventOf(value);
    const row = await models.Outbox.create({ ...draft, dueAt: nowMs, attempts: 0 }, { transaction });
    return { value, outbox: [{ ...draft, id: Number(row.id), attempts: 0 }] };
  });
}
