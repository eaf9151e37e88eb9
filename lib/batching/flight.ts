interface FlightParts {
  /** Does a part of the work. False: nothing is left to do now. */
  some(): Promise<boolean>;
  failed(error: unknown): void;
  /** Called when nothing is left. */
  landed?(): void;
}

/** Single flight: one run at a time. A call during a run makes another run follow. */
export class Flight {
  private readonly parts: FlightParts;
  private current: Promise<void> | null = null;
  private isAgain = false;
  private hasEnded = false;

  constructor(parts: FlightParts) {
    this.parts = parts;
  }

  get isEnded(): boolean {
    return this.hasEnded;
  }

  /** Resolves when nothing is left to do now. */
  wake(): Promise<void> {
    this.isAgain = true;
    this.current ??= this.fly().finally(() => {
      this.current = null;
    });
    return this.current;
  }

  private async fly(): Promise<void> {
    while (this.isAgain && !this.hasEnded) {
      this.isAgain = false;
      try {
        while (await this.parts.some());
      } catch (error) {
        this.parts.failed(error);
      }
    }
    if (!this.hasEnded) this.parts.landed?.();
  }

  /** Starts no further run, and waits for the current one. */
  async end(): Promise<void> {
    this.hasEnded = true;
    await this.current;
  }
}
