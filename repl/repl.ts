/**
 * `npm run repl`: Moleculer's REPL with DataFlow's own commands. With a transporter it joins the cluster as a node without
 * services; without one there is nobody to join, so it starts the whole system in this process.
 */
import { Errors, type Middleware, ServiceBroker, type ServiceSchema } from "moleculer";
import { type Config, exitOnFault, processConfig } from "../config/config.ts";
import { serviceNames } from "../config/settings.ts";
import { brokerOptions } from "../moleculer.config.ts";
import { replCommands } from "./commands.ts";
import { printSafely } from "./print.ts";

const isUsageError = (error: unknown) => String((error as { code?: unknown } | null)?.code).startsWith("commander.");

const CALL_PATIENCE_MS = 3_000;

/** What changes nothing is asked of the next node; what does may have been done by the one that fell silent. */
const reads = [
  "batch.list",
  "batch.get",
  "batch.errors",
  "batch.stats",
  "clientCache.get",
  "clientCache.list",
  "policy.get",
];
const isSilence = (error: Error) => error instanceof Errors.RequestTimeoutError;
const isReadAgain = (error: Error) => isSilence(error) && reads.includes((error.data as { action: string }).action);

/** The services as their runner would load them. */
async function loadServices(broker: ServiceBroker, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const module = (await import(`../services/${name}/${name}.service.ts`)) as { default: ServiceSchema };
    broker.createService(module.default);
  }
}

function replBroker(config: Config): ServiceBroker {
  // What is only for information would run over the prompt.
  const quiet: Config = { ...config, logLevel: config.logLevel === "info" ? "warn" : config.logLevel };
  const options = brokerOptions(quiet);
  const { custom, idle } = replCommands((text) => console.log(text));
  const patient: Middleware = { name: "Repl", stopping: idle };
  const broker = new ServiceBroker({
    ...options,
    // An operator waits; a node that is frozen would keep him for the 30 s of others.
    requestTimeout: CALL_PATIENCE_MS,
    circuitBreaker: {
      enabled: true,
      threshold: 0.01,
      minRequestCount: 1,
      windowTime: 60,
      halfOpenTime: 10_000,
      check: isSilence,
    },
    retryPolicy: { enabled: true, retries: 2, delay: 0, maxDelay: 0, factor: 1, check: isReadAgain },
    middlewares: [...(options.middlewares ?? []), patient],
    replOptions: { delimiter: `${config.namespace} $`, customCommands: custom },
  });
  // A wrong command line has been told with its usage; the REPL logs some of them again, with a stack.
  const log = broker.logger.error.bind(broker.logger);
  broker.logger.error = (...args: unknown[]) => {
    if (!isUsageError(args[0])) log(...args);
  };
  // The end of the input and `exit` both stop it; it stops once.
  const stop = broker.stop.bind(broker);
  let stopped: Promise<void> | null = null;
  broker.stop = () => {
    stopped ??= stop();
    return stopped;
  };
  return broker;
}

async function main(): Promise<void> {
  printSafely();
  const config = exitOnFault(processConfig);
  const broker = replBroker(config);
  const isAlone = config.amqpUrls.length === 0;
  if (isAlone) await loadServices(broker, config.services ?? serviceNames);
  await broker.start();
  console.log(
    isAlone ? "The whole system runs in this process. Try: batches, queues, help" : "Try: queues, nodes, help",
  );
  broker.repl();
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
