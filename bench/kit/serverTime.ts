/**
 * How long PostgreSQL itself works at the statements of this process: the time to parse, to plan and to run, without the way there and
 * back. The server tells it to its clients where a connection asks for that, which only superusers may.
 */
import { EventEmitter } from "node:events";
import pg from "pg";

/** `fatal`: the same lines must not fill the server's own log. */
const SETTINGS = ["log_duration=on", "client_min_messages=log", "log_min_messages=fatal"];

/** The URL whose connections tell their times. */
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

  /** The connections are the product's own, so all of this process are listened to. */
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

  /** Forgets what was until now. */
  reset(): void {
    this.#ms = 0;
    this.#statements = 0;
  }

  /** Since `reset`. */
  read(): { ms: number; statements: number } {
    return { ms: this.#ms, statements: this.#statements };
  }

  end(): void {
    delete (pg.Client.prototype as Partial<EventEmitter>).emit;
    pg.Client.prototype.query = this.#query;
  }
}
