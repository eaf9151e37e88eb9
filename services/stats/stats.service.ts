/**
 * Keeps the history of figures: writes what this node has counted, a row a minute, and answers the history of all nodes. The running
 * minute is written every few seconds, so a node that is killed loses no more. While the database is away, an hour of
 * minutes waits in memory; older ones are lost, which the log says. Nothing else waits for it.
 */
import { Recent } from "../../lib/batching/recent.ts";
import { databaseMixin } from "../../mixins/database.ts";
import { fields } from "../../mixins/define.ts";
import { scheduleMixin } from "../../mixins/schedule.ts";
import { actors } from "../actors.ts";
import { oldestReadyMs } from "../batch/batch.reads.domain.ts";
import { defineActor } from "../define.ts";
import { uuidv7 } from "../ids.ts";
import { keepLargest, type TalliedMinute, type Tally, tallyOf } from "../tally.ts";
import { ALL_CLIENTS, HOUR_MS, MINUTE_MS } from "./stats.domain.ts";

const WRITE_EVERY_MS = 10_000;
const DAY_MS = 24 * HOUR_MS;
const FAILED_KEPT_MS = 30_000;

interface State {
  tally: Tally;
  /** The id of this start of the node, for the rows that it writes. */
  run: string;
  /** Minutes that the log has called lost. */
  lost: number;
  failed: Recent<number>;
}

export default defineActor({
  name: "stats",
  mixins: [databaseMixin, scheduleMixin],

  /** Tests may set others. */
  settings: { writeEveryMs: WRITE_EVERY_MS, lookEveryMs: MINUTE_MS },
  state: fields<State>(),

  created() {
    this.tally = tallyOf(this.broker);
    this.run = uuidv7();
    this.lost = 0;
    this.failed = new Recent(
      async () => {
        const to = Date.now();
        const wanted = { clientId: ALL_CLIENTS, from: to - DAY_MS, to, stepMs: DAY_MS };
        const days = await this.database.store.figureHistory(wanted);
        return days.reduce((sum, { deliveriesFailed }) => sum + deliveriesFailed, 0);
      },
      () => FAILED_KEPT_MS,
    );
  },

  methods: {
    /** Throws unavailable: what is not written stays. */
    async keep(isLast = false): Promise<void> {
      for (const minute of this.tally.unwritten(isLast))
        await this.keepMinute(minute, isLast || this.tally.isOver(minute));
      const { lost } = this.tally;
      if (lost > this.lost)
        this.logger.warn(
          `The history of figures lacks ${lost - this.lost} minutes of this node: the database was away.`,
        );
      this.lost = lost;
    },

    /** Looks at the totals. Readers make it look more often. */
    async look(): Promise<void> {
      const ageMs = oldestReadyMs(await actors.batch.stats(this.broker, {}));
      if (ageMs !== null) this.tally.waited(ageMs);
    },

    /** Stores a minute. Its rows by client are stored once it is over, because only then the busiest clients are known. */
    async keepMinute(minute: TalliedMinute, isOver: boolean): Promise<void> {
      minute.isDirty = false;
      if (isOver) keepLargest(minute);
      const { at, byClient } = minute;
      try {
        for (const [clientId, figures] of byClient)
          if (isOver || clientId === ALL_CLIENTS)
            await this.database.store.keepFigures({
              clientId,
              at,
              node: this.broker.nodeID,
              run: this.run,
              ...figures,
            });
      } catch (error) {
        minute.isDirty = true;
        throw error;
      }
      if (isOver && this.tally.isOver(minute)) this.tally.forget(minute);
    },
  },

  actions: {
    history(ctx) {
      return this.database.store.figureHistory(ctx.params);
    },
    failedDeliveries() {
      return this.failed.get();
    },
  },

  async started() {
    this.schedule("Writing figures", this.settings.writeEveryMs, () => this.keep(), 0.2);
    this.schedule("Looking at the queue", this.settings.lookEveryMs, () => this.look(), 0.2);
  },

  /** Comes last, after all that counts. */
  async drain() {
    await this.endSchedules();
    await this.keep(true).catch((error) => this.logger.warn("The last figures of this node are lost:", error));
  },
});
