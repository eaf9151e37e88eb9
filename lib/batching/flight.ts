interface FlightParts {
  /** Does some of what is to be done; false: nothing is left that can be done now. */
  some(): Promise<boolean>;
  failed(error: unknown): void;
  /** Nothing is left. */
  landed?(): void;
}

/** Work that is looked for whenever somebody says so, by one look at a time: who asks during a look has another one follow. */
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

  /** Resolves when nothing is left that can be done now. */
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

  /** Begins no look any more, and waits for the one under way. */
  async end(): Promise<void> {
    this.hasEnded = true;
    await this.current;
  }
}
