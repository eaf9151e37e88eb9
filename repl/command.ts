import type { ServiceBroker } from "moleculer";
import type { Answer } from "./answer.ts";

/** What was typed after a command's name: its operands by name, and its options. */
export interface Args {
  options: Record<string, unknown>;
  [operand: string]: unknown;
}

/** A command of ours, in the form of moleculer-repl but for what it answers. */
export interface Command {
  /** `<needed>` and `[optional]` operands after the name. */
  command: string;
  description: string;
  options?: { option: string; description: string }[];
  run(broker: ServiceBroker, args: Args): Promise<Answer>;
}

/** What an error says to an operator. */
export const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** How long one node is waited for; then it is named, and the others' answers are shown. */
export const PATIENCE_MS = 2_000;

/** An operand as text; undefined where it was left out. */
export const operand = (args: Args, name: string): string | undefined =>
  args[name] === undefined ? undefined : String(args[name]);
