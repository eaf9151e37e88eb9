/** DataFlow's own commands, for moleculer-repl. */
import { type CallingOptions, Errors, type ServiceBroker } from "moleculer";
import { isProblem } from "../lib/errors.ts";
import { REPL_CALLER } from "../services/audit/audit.domain.ts";
import { type Args, type Command, messageOf, rendered, say } from "./answer.ts";
import { batchCommands } from "./batches.ts";
import { clientCommands } from "./clients.ts";
import { keyCommands } from "./keys.ts";
import { nodeCommands } from "./nodes.ts";

export const commands: Command[] = [...batchCommands, ...clientCommands, ...keyCommands, ...nodeCommands];

/** A `call` of the broker whose changes are in the audit under the name of the REPL. */
export function callByRepl(broker: ServiceBroker) {
  const call = broker.call.bind(broker);
  return (name: string, params: unknown, options: CallingOptions = {}) =>
    call(name, params, { ...options, meta: { caller: REPL_CALLER, ...options.meta } });
}

const named = (broker: ServiceBroker): ServiceBroker => Object.create(broker, { call: { value: callByRepl(broker) } });

/** The output of a command: its table, or one line with the reason why there is none. */
export async function outputOf(command: Command, broker: ServiceBroker, args: Args): Promise<string> {
  try {
    return rendered(await command.run(named(broker), args));
  } catch (error) {
    return rendered(say(reasonOf(error)));
  }
}

function reasonOf(error: unknown): string {
  if (isProblem(error)) return `${error.type}: ${error.message}`;
  if (error instanceof Errors.ServiceNotFoundError || error instanceof Errors.ServiceNotAvailableError)
    return `No node serves that now: ${messageOf(error)}`;
  if (error instanceof Errors.RequestTimeoutError) return `A node did not answer in time: ${messageOf(error)}`;
  return `It failed: ${messageOf(error)}`;
}

/**
 * Makes the commands for moleculer-repl. It reads all commands of a pipe at once, including `exit`. They run one after another,
 * and a stop waits for `idle`.
 */
export function replCommands(print: (text: string) => void) {
  let idle = Promise.resolve();
  const custom = commands.map((command) => ({
    command: command.command,
    description: command.description,
    alias: null,
    options: command.options ?? [],
    action(broker: ServiceBroker, args: unknown): Promise<void> {
      idle = idle.then(async () => print(await outputOf(command, broker, args as Args)));
      return idle;
    },
  }));
  return { custom, idle: () => idle };
}
