import { setTimeout as pause } from "node:timers/promises";
import type { Transaction } from "sequelize";
import type { Database } from "./database.ts";
import { isUnknown } from "./errors.ts";
import type { Models } from "./models.ts";
import type { OutboxDraft, OutboxRow } from "./store.ts";
import { isUnavailable } from "./unavailable.ts";

/** Sooner than another node's sweep takes up the event and deletes it, which is 5 s old then. A last look at a silent server takes its time. */
const LOOK_MS = 2_000;
const BETWEEN_LOOKS_MS = 100;

/** What a change wrote, and its event, to be published now that both are committed. */
export interface Changed<T> {
  value: T;
  outbox: OutboxRow[];
}

/** Commits a change that nobody outside hears of. Rejects also where its answer was lost. `write` is as below. */
export async function changeSilently<T>(
  { sequelize, now }: Database,
  write: (transaction: Transaction, nowMs: number) => Promise<T>,
): Promise<T> {
  const nowMs = await now();
  return sequelize.transaction((transaction) => write(transaction, nowMs));
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
    if (made && isUnknown(error) && (await isCommitted(models, made))) return made;
    throw error;
  }
}

/** A COMMIT without an answer: the event is there with the change. False: not, or not yet, and then nobody knows. */
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
