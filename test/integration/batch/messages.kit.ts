/** Records the messages that pass a node's broker. */
import type { Middleware } from "moleculer";

type Send = (name: string, ...rest: never[]) => unknown;

export class Messages {
  /** The names of actions and events, in order. */
  readonly names: string[] = [];

  get middleware(): Middleware {
    const noted =
      (next: Send) =>
      (name: string, ...rest: never[]) => {
        // The names of Moleculer's own messages begin with "$".
        if (!name.startsWith("$")) this.names.push(name);
        return next(name, ...rest);
      };
    const hook = noted as never;
    return { call: hook, emit: hook, broadcast: hook, broadcastLocal: hook };
  }

  forget(): void {
    this.names.length = 0;
  }
}
