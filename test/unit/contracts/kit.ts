/** Brokers for the tests of one service, with its real partners where possible, and a check that nothing is left running. */

import { type Context, ServiceBroker, type ServiceSchema } from "moleculer";
import type { Database } from "../../../database/database.ts";
import { type ProblemCode, type ProblemExtra, problems } from "../../../lib/errors.ts";
import { type ActorName, contracts, type EventName } from "../../../services/contracts.ts";
import type { Params } from "../../../services/declare.ts";
import { until } from "../../helpers/patience.ts";
import { type System, type SystemOptions, startSystem } from "../../helpers/system.ts";

/** A node of the system. Its `stop` fails if a timer, thread, socket or file is left. */
export async function startNode(options: SystemOptions): Promise<System> {
  const isLeft = leftovers();
  const system = await startSystem(options);
  return {
    ...system,
    async stop() {
      await system.stop();
      await nothingLeft(isLeft);
    },
  };
}

/** A plain broker with these services. */
export async function startBroker(
  ...schemas: ServiceSchema[]
): Promise<{ broker: ServiceBroker; stop(): Promise<void> }> {
  const isLeft = leftovers();
  const broker = new ServiceBroker({ logger: false, skipProcessEventRegistration: true });
  for (const schema of schemas) broker.createService(schema);
  const stop = async () => {
    await broker.stop();
    await nothingLeft(isLeft);
  };
  try {
    await broker.start();
  } catch (error) {
    await stop();
    throw error;
  }
  return { broker, stop };
}

/** Answers a function that lists what keeps the process alive now but did not when `leftovers` was called. */
export function leftovers(): () => string[] {
  const before = active();
  return () => {
    const known = [...before];
    return active().filter((type) => {
      const at = known.indexOf(type);
      if (at !== -1) known.splice(at, 1);
      return at === -1;
    });
  };
}

const active = () => process.getActiveResourcesInfo().filter((type) => type !== "Immediate");

/** Waits until nothing is left. Fails with a list of what is left. */
export async function nothingLeft(left: () => string[]): Promise<void> {
  await until(() => left().length === 0).catch(() => {
    throw new Error(`Left behind: ${left().join(", ")}`);
  });
}

/** Matches a problem with this code, and its status. */
export const problem = (type: ProblemCode, extra: ProblemExtra = {}) =>
  expect.objectContaining({ type, code: problems[type].status, data: expect.objectContaining(extra) });

/** Matches the refusal of a call whose params have these faults. */
export const wrongParams = (...fields: string[]) =>
  expect.objectContaining({
    type: "VALIDATION_ERROR",
    data: fields.map((field) => expect.objectContaining({ field })),
  });

/** A stand-in for a real service. It checks the params of its actions by the contract. */
export const standIn = (
  name: ActorName,
  handlers: Record<string, (ctx: { params: never }) => unknown>,
): ServiceSchema =>
  ({
    name,
    actions: Object.fromEntries(
      Object.entries(handlers).map(([short, handler]) => {
        const { params } = (contracts[name] as Record<string, { params: Params }>)[short] as { params: Params };
        return [short, { params, handler }];
      }),
    ),
  }) as unknown as ServiceSchema;

/** A service that collects the payloads of an event. */
export const hears = (name: EventName, into: unknown[]): ServiceSchema => ({
  name: `hears ${name}`,
  events: {
    [name](ctx: Context) {
      into.push(ctx.params);
    },
  },
});

/** A promise, with the functions that settle it. */
export function deferred<T = void>() {
  return Promise.withResolvers<T>();
}

/** Collects the SQL that reads rows of `table` from now on. */
export function readsOf({ sequelize }: Database, table: string): string[] {
  const texts: string[] = [];
  const query = sequelize.query.bind(sequelize) as (...all: unknown[]) => Promise<never>;
  jest.spyOn(sequelize, "query").mockImplementation(((...asked: unknown[]) => {
    if (String(asked[0]).includes(`FROM "${table}"`)) texts.push(String(asked[0]));
    return query(...asked);
  }) as never);
  return texts;
}
