import type { Service } from "moleculer";
import { define } from "./define.ts";

type Every = number | (() => number);

/** What a service finds on `this` with this mixin. */
export interface WithSchedule {
  /**
   * Runs `work` every `everyMs`, never twice at once, until the service stops; a failure is logged and tried again.
   * A function is asked anew after each run. `jitter` (0 to 1) spreads the nodes of a cluster. The answer runs it at once.
   */
  schedule(name: string, everyMs: Every, work: () => Promise<unknown>, jitter?: number): () => void;
  /** Ends all rhythms and waits for what runs. */
  endSchedules(): Promise<void>;
}

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

interface Own {
  rhythms: Rhythm[];
}

/** Gives a service rhythms that end with it. */
export const scheduleMixin = define<Service & Own & WithSchedule>({
  created(this: Service & Own) {
    this.rhythms = [];
  },
  methods: {
    schedule(this: Service & Own, name: string, everyMs: Every, work: () => Promise<unknown>, jitter = 0) {
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
    async endSchedules(this: Service & Own) {
      await Promise.all(this.rhythms.splice(0).map((rhythm) => rhythm.end()));
    },
  },
  async stopped(this: Service & WithSchedule) {
    await this.endSchedules();
  },
});
