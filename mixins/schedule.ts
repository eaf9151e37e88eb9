import { define, fields, type GivenBy } from "./define.ts";

type Every = number | (() => number);

class Rhythm {
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> | null = null;
  private isAgain = false;
  private isEnded = false;
  private readonly pauseMs: () => number;
  private readonly work: () => Promise<void>;

  constructor(pauseMs: () => number, work: () => Promise<void>) {
    this.pauseMs = pauseMs;
    this.work = work;
    this.wait();
  }

  private wait(): void {
    if (!this.isEnded) this.timer = setTimeout(() => this.now(), this.pauseMs());
  }

  now(): void {
    if (this.isEnded) return;
    if (this.running) {
      this.isAgain = true;
      return;
    }
    if (this.timer) clearTimeout(this.timer);
    this.running = this.work().finally(() => {
      this.running = null;
      if (!this.isAgain) return this.wait();
      this.isAgain = false;
      this.now();
    });
  }

  async end(): Promise<void> {
    this.isEnded = true;
    if (this.timer) clearTimeout(this.timer);
    await this.running;
  }
}

/** Gives a service schedules that end with the service. */
export const scheduleMixin = define({
  state: fields<{ rhythms: Rhythm[] }>(),
  created() {
    this.rhythms = [];
  },
  methods: {
    /**
     * Runs `work` every `everyMs`, never twice at once, until the service stops; a failure is logged and tried again.
     * If `everyMs` is a function, it is called after each run. `jitter` (0 to 1) spreads the nodes of a cluster. Returns a function that runs it at once.
     */
    schedule(name: string, everyMs: Every, work: () => Promise<unknown>, jitter = 0) {
      const guarded = async () => {
        try {
          await work();
        } catch (error) {
          this.logger.warn(`${name} failed, it is tried again:`, error);
        }
      };
      const every = typeof everyMs === "number" ? () => everyMs : everyMs;
      const rhythm = new Rhythm(() => every() * (1 + jitter * (Math.random() - 0.5)), guarded);
      this.rhythms.push(rhythm);
      return () => rhythm.now();
    },
    /** Ends all schedules and waits for the current runs. */
    async endSchedules() {
      await Promise.all(this.rhythms.splice(0).map((rhythm) => rhythm.end()));
    },
  },
  async stopped() {
    await this.endSchedules();
  },
});

/** What a service finds on `this` with this mixin. */
export type WithSchedule = GivenBy<typeof scheduleMixin>;
