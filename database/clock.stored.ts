/** The doubt about the clock, stored in the database, so that a process that starts after a crash continues with it. */

import type { Doubt } from "./clock.doubt.ts";
import type { Models } from "./models.ts";

/** The id of the only row. */
const ID = 1;

export class StoredDoubt {
  private readonly models: () => Pick<Models, "ClockDoubt">;
  private isKept = false;

  constructor(models: () => Pick<Models, "ClockDoubt">) {
    this.models = models;
  }

  async read(): Promise<Doubt | null> {
    const row = await this.models().ClockDoubt.findOne({ where: { id: ID } });
    this.isKept = row !== null;
    if (!row) return null;
    const { clockMs, countMs, aheadMs, evenMs } = row;
    return { clockMs, countMs, aheadMs, evenMs };
  }

  /** Stores the doubt about the clock; null deletes it. */
  async write(doubt: Doubt | null): Promise<void> {
    const { ClockDoubt } = this.models();
    if (doubt === null) {
      if (this.isKept) await ClockDoubt.destroy({ where: { id: ID } });
    } else {
      const row = whole(doubt);
      const [updated] = await ClockDoubt.update(row, { where: { id: ID } });
      if (updated === 0) await ClockDoubt.create({ id: ID, ...row });
    }
    this.isKept = doubt !== null;
  }
}

/** The columns hold whole milliseconds. */
const whole = ({ clockMs, countMs, aheadMs, evenMs }: Doubt): Doubt => ({
  clockMs: Math.round(clockMs),
  countMs: Math.round(countMs),
  aheadMs: Math.round(aheadMs),
  evenMs: Math.round(evenMs),
});
