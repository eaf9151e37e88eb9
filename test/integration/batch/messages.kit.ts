/** Which messages go through a node's broker. */
import type { Middleware } from "moleculer";

type Send = (name: string, ...rest: never[]) => unknown;

export class Messages {
  /** Names of actions and events, in order. */
  readonly names: string[] = [];

  get middleware(): Middleware {
    const noted =
      (next: Send) =>
      (name: string, ...rest: never[]) => {
        // Moleculer's own begin with "$".
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
