/**
 * Measures how long PostgreSQL works at the statements of this process: the time to parse, plan and run them, without the
 * network. The server reports this time to a connection that asks for it. Only superusers may ask.
 */
import { EventEmitter } from "node:events";
import pg from "pg";

/** `fatal` keeps these lines out of the server's own log. */
const SETTINGS = ["log_duration=on", "client_min_messages=log", "log_min_messages=fatal"];

/** Answers a URL whose connections ask the server for the times. */
export function tellingTimes(url: string): string {
  const at = new URL(url);
  const options = [at.searchParams.get("options"), ...SETTINGS.map((setting) => `-c ${setting}`)];
  at.searchParams.set("options", options.filter(Boolean).join(" "));
  return at.href.replaceAll("+", "%20");
}

export class ServerTime {
  #ms = 0;
  #statements = 0;
  readonly #query = pg.Client.prototype.query;

  /** Listens to all connections of this process, because the product opens them. */
  constructor() {
    const heard = (text: string) => {
      this.#ms += Number(/^duration: ([\d.]+) ms/.exec(text)?.[1] ?? 0);
    };
    const asked = () => this.#statements++;
    const query = this.#query as (...args: unknown[]) => unknown;
    Object.assign(pg.Client.prototype, {
      emit(this: EventEmitter, name: string, ...args: unknown[]) {
        if (name === "notice") heard((args[0] as Error).message);
        return EventEmitter.prototype.emit.call(this, name, ...args);
      },
      query(...args: unknown[]) {
        asked();
        return query.apply(this, args);
      },
    });
  }

  /** Sets the sums to zero. */
  reset(): void {
    this.#ms = 0;
    this.#statements = 0;
  }

  /** Answers the sums since `reset`. */
  read(): { ms: number; statements: number } {
    return { ms: this.#ms, statements: this.#statements };
  }

  end(): void {
    delete (pg.Client.prototype as Partial<EventEmitter>).emit;
    pg.Client.prototype.query = this.#query;
  }
}
