/**
 * The relay. `batch` writes an event in the same commit as the change that it tells of, and hands the rows over here;
 * they are published at once and deleted when that is confirmed. What a crash left behind is found by the sweep, so an
 * event is published at least once. Embedded, publishing is an event on this broker and a token on the queue.
 */
import type { Service } from "moleculer";
import { configOf } from "../../config.ts";
import type { OutboxRow } from "../../database/store.ts";
import { define } from "../../mixins/define.ts";
import { queueMixin, type WithQueue } from "../../mixins/queue.ts";
import { scheduleMixin, type WithSchedule } from "../../mixins/schedule.ts";
import { call, serve } from "../messages.ts";
import type { CloudEvent } from "./outbox.contract.ts";

type Outbox = Service &
  WithSchedule &
  WithQueue & {
    /** Published, not deleted yet: they go together, so that a delete costs many events one commit. */
    confirmed: number[];
    forgetSoon(): void;
    publish(rows: OutboxRow[]): Promise<void>;
    sweep(): Promise<void>;
    forget(): Promise<void>;
    drain(): Promise<void>;
  };

const SWEPT_AT_ONCE = 100;
/** Confirmed rows wait so long for company; a crash meanwhile repeats their events, which consumers know by id. */
const FORGET_EVERY_MS = 200;

export default define<Outbox>({
  name: "outbox",
  mixins: [queueMixin, scheduleMixin],

  created() {
    this.confirmed = [];
  },

  actions: serve<Outbox, "outbox">("outbox", {
    publish(ctx) {
      return this.publish(ctx.params.rows);
    },
    wake() {
      return this.addAMQPJob("batch.ready", { batchId: null });
    },
  }),

  methods: {
    async publish(this: Outbox, rows: OutboxRow[]) {
      for (const row of rows) {
        const event = JSON.parse(row.body) as CloudEvent;
        await this.broker.emit(row.topic, event);
        if (row.topic === "batch.ready") await this.addAMQPJob("batch.ready", { batchId: event.subject });
        this.confirmed.push(row.id);
      }
    },

    async sweep(this: Outbox) {
      for (;;) {
        const rows = await call(this.broker, "batch.takeOutbox", { limit: SWEPT_AT_ONCE });
        await this.publish(rows);
        if (rows.length < SWEPT_AT_ONCE) return;
      }
    },

    async forget(this: Outbox) {
      const ids = this.confirmed.splice(0);
      if (ids.length === 0) return;
      try {
        await call(this.broker, "batch.deleteOutbox", { ids });
      } catch (error) {
        this.confirmed.push(...ids);
        throw error;
      }
    },

    async drain(this: Outbox) {
      await this.endSchedules();
      await this.forget();
    },
  },

  async started() {
    const { sweepIntervalMs } = configOf(this.broker);
    this.schedule("Publishing what was left over", sweepIntervalMs, () => this.sweep(), 0.2);
    this.schedule("Deleting published events", FORGET_EVERY_MS, () => this.forget());
  },
});
