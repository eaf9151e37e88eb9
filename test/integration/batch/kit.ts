/** What tests of batches share: access to the inside of a running system, and handlers that a test controls. */
import type { Context, ServiceSchema } from "moleculer";
import type { Database } from "../../../database/database.ts";
import type { HandlerAnswer, HandlerCall } from "../../../services/batchProcessor/batchProcessor.contract.ts";
import { batchWhen, type TestClient } from "../../helpers/http.ts";
import { metrics } from "../../helpers/metrics.ts";
import type { System } from "../../helpers/system.ts";

export const databaseOf = ({ broker }: System): Database =>
  (broker.getLocalService("batch") as unknown as { database: Database }).database;

export const storeOf = (system: System) => databaseOf(system).store;

/** A query on the system's own database. */
export const select = async <T = Record<string, unknown>>(system: System, sql: string): Promise<T[]> =>
  (await databaseOf(system).sequelize.query(sql))[0] as T[];

/** `count` records `{"n":1}`, `{"n":2}`, … as NDJSON. */
export const rows = (count: number): string => Array.from({ length: count }, (_, i) => `{"n":${i + 1}}`).join("\n");

export const numbersOf = ({ records }: HandlerCall): number[] => records.map(({ data }) => data.n as number);

export interface Told {
  schema: ServiceSchema;
  /** Every call that the handler got, in order. */
  calls: HandlerCall[];
  /** The calls for one batch. */
  of(batchId: string): HandlerCall[];
}

/** The handler `NAME.run`, which answers with `answer`. */
export function handler(name: string, answer: (call: HandlerCall) => unknown): Told {
  const calls: HandlerCall[] = [];
  const run = {
    importHandler: true,
    handler({ params }: Context<HandlerCall>) {
      calls.push(params);
      return answer(params) as HandlerAnswer;
    },
  };
  const schema = { name, actions: { run } } as unknown as ServiceSchema;
  return { schema, calls, of: (batchId) => calls.filter((one) => one.batchId === batchId) };
}

/** A handler that answers nothing until it is released. Then it answers every call, also later ones. */
export function hanging(name: string, answer: HandlerAnswer = null) {
  const release = Promise.withResolvers<void>();
  const told = handler(name, () => release.promise.then(() => answer));
  return { ...told, release: () => release.resolve() };
}

export const hasStatus =
  (...wanted: string[]) =>
  ({ status }: { status: string }) =>
    wanted.includes(status);

/** The batch's row in the database. */
export async function row(system: System, publicId: string) {
  const batch = await storeOf(system).batch(publicId, null);
  if (!batch) throw new Error(`There is no batch ${publicId}.`);
  return batch;
}

export const ended = (system: System, client: TestClient, id: string) => batchWhen(system.url, client, id);

/** The number of writes that came too late since the start, by kind of write. */
export async function lostFences({ url }: System) {
  const samples = await metrics(url);
  const lost = (write: string) => samples.get(`dataflow_fences_lost_total{write="${write}"}`) as number;
  return { commit: lost("commit"), giveUp: lost("giveUp") };
}
