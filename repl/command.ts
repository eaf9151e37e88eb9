import type { ServiceBroker } from "moleculer";
import type { Answer } from "./answer.ts";

/** The arguments of a command: its operands by name, and its options. */
export interface Args {
  options: Record<string, unknown>;
  [operand: string]: unknown;
}

/** A command of ours. Its form is moleculer-repl's, except for the answer. */
export interface Command {
  /** `<needed>` and `[optional]` operands after the name. */
  command: string;
  description: string;
  options?: { option: string; description: string }[];
  run(broker: ServiceBroker, args: Args): Promise<Answer>;
}

/** An error as operators see it. */
export const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** How long to wait for one node. After that its name is shown beside the answers of the others. */
export const PATIENCE_MS = 2_000;

/** An operand as text; undefined if it was left out. */
export const operand = (args: Args, name: string): string | undefined =>
  args[name] === undefined ? undefined : String(args[name]);
