/** The idle limits of an upload: how long it may send nothing, and how slow it may be. */
import { Problem } from "../../lib/errors.ts";

export interface Patience {
  /** A client that sends nothing for this long counts as gone. */
  idleMs: number;
  /** The least number of bytes in each window of waiting. */
  windowMs: number;
  windowBytes: number;
}

/**
 * Ends an upload that sends nothing for too long, or too little. Time counts only while we wait for the client, not while the
 * database keeps us from reading. An abort of the upload also ends it.
 */
export class IdleWatch {
  private readonly patience: Patience;
  private readonly timer: NodeJS.Timeout;
  private readonly signal: AbortSignal | undefined;
  private giveUp: ((error: unknown) => void) | null = null;
  private refusal: Problem | null = null;
  /** Bytes that came in the current window. */
  private bytes = 0;
  private waitedMs = 0;
  private waitsSince = 0;
  private isAside = false;

  constructor(patience: Patience, signal?: AbortSignal) {
    this.patience = patience;
    this.signal = signal;
    this.timer = setTimeout(() => this.silent(), patience.idleMs);
    signal?.addEventListener("abort", this.stop);
  }

  private readonly stop = () => this.giveUp?.(this.signal?.reason);

  /** Counts wire bytes. */
  came(bytes: number): void {
    this.timer.refresh();
    this.bytes += bytes;
    const { windowMs, windowBytes } = this.patience;
    if (this.waited() < windowMs) return;
    if (this.bytes < windowBytes)
      this.refuse(`The body came too slowly: expected ${windowBytes} bytes in ${windowMs / 1000} s. Send it again.`);
    this.bytes = 0;
    this.waitedMs = 0;
    this.waitsSince = performance.now();
  }

  private silent(): void {
    if (this.giveUp && !this.isAside)
      this.refuse(`No byte of the body came for ${this.patience.idleMs / 1000} s. Send it again.`);
  }

  private refuse(detail: string): void {
    this.refusal = new Problem("upload-timeout", detail);
    this.giveUp?.(this.refusal);
  }

  private waited(): number {
    return this.waitedMs + (this.giveUp === null ? 0 : performance.now() - this.waitsSince);
  }

  /** No Promise.race with one lasting promise: that would keep every piece alive until the end. */
  orIdle<T>(next: Promise<T>): Promise<T> {
    this.timer.refresh();
    this.waitsSince = performance.now();
    return new Promise<T>((resolve, reject) => {
      this.giveUp = reject;
      if (this.signal?.aborted) this.stop();
      if (this.refusal) this.giveUp(this.refusal);
      next.then(this.over(resolve), this.over(reject));
    });
  }

  /** A wait for something of ours, within a wait for the client. Its time does not count. */
  async aside(wait: Promise<void>): Promise<void> {
    const beganAt = performance.now();
    this.isAside = true;
    await wait;
    this.isAside = false;
    this.waitsSince += performance.now() - beganAt;
    this.timer.refresh();
  }

  /** Ends the wait. Time from now on is not the client's. */
  private over<T>(settle: (result: T) => void): (result: T) => void {
    return (result) => {
      this.waitedMs = this.waited();
      this.giveUp = null;
      settle(result);
    };
  }

  end(): void {
    clearTimeout(this.timer);
    this.signal?.removeEventListener("abort", this.stop);
  }
}
