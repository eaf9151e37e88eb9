/**
 * `npm run repl`: Moleculer's REPL with DataFlow's own commands. With AMQP_URL it joins the cluster as a node without
 * services. Without it there is no cluster, so it starts the whole system in this process.
 */
import { Errors, type Middleware, ServiceBroker, type ServiceSchema } from "moleculer";
import { type Config, exitOnFault, processConfig } from "../config/config.ts";
import { serviceNames } from "../config/services.ts";
import { brokerOptions } from "../moleculer.config.ts";
import { printSafely } from "./answer.ts";
import { callByRepl, replCommands } from "./commands.ts";

const isUsageError = (error: unknown) => String((error as { code?: unknown } | null)?.code).startsWith("commander.");

const CALL_PATIENCE_MS = 3_000;

/**
 * Actions that only read. If a node does not answer, the next node is asked. A write is not repeated, because the silent node may
 * have done it.
 */
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

/** Loads the services as moleculer-runner does. */
async function loadServices(broker: ServiceBroker, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const module = (await import(`../services/${name}/${name}.service.ts`)) as { default: ServiceSchema };
    broker.createService(module.default);
  }
}

function replBroker(config: Config): ServiceBroker {
  // Lines of level `info` would overwrite the prompt.
  const quiet: Config = { ...config, logLevel: config.logLevel === "info" ? "warn" : config.logLevel };
  const options = brokerOptions(quiet);
  const { custom, idle } = replCommands((text) => console.log(text));
  const patient: Middleware = { name: "Repl", stopping: idle };
  const broker = new ServiceBroker({
    ...options,
    // With the usual timeout a frozen node would keep the operator waiting for 30 s.
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
    middlewares: [patient, ...(options.middlewares ?? [])],
    replOptions: { delimiter: `${config.namespace} $`, customCommands: custom },
  });
  // The REPL has already shown the usage of a wrong command. Moleculer would log some of these errors again, with a stack.
  const log = broker.logger.error.bind(broker.logger);
  broker.logger.error = (...args: unknown[]) => {
    if (!isUsageError(args[0])) log(...args);
  };
  // In a cluster the audit attributes all calls of this process to the person who types, also those of Moleculer's own commands.
  if (config.amqpUrls.length > 0) Object.assign(broker, { call: callByRepl(broker) });
  // The end of the input and `exit` both call `stop`; it runs once.
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
