/** What tests of waiting states share: a system for each test, and a listener for its events. */
import type { Context, ServiceSchema } from "moleculer";
import type { CloudEvent } from "../../../services/outbox/outbox.domain.ts";
import { quick, type System, startSystem } from "../../helpers/system.ts";
import { databaseOf, select } from "./kit.ts";

export let system: System;
export const heard: CloudEvent[] = [];
const hear = ({ params }: Context<CloudEvent>) => void heard.push(params);
const ear = {
  name: "ear",
  events: { "batch.created": hear, "batch.ready": hear, "batch.completed": hear },
} as unknown as ServiceSchema;

export const env = { ...quick, BATCH_LEASE: "1s", SHUTDOWN_TIMEOUT: "2s" };
export const withoutWorker = ["api", "batch", "batchLock", "clientCache", "outbox", "policy", "rateLimiter"];
export const start = async (options: Parameters<typeof startSystem>[0] = {}) => {
  heard.length = 0;
  system = await startSystem({ env, ...options, extra: [ear, ...(options.extra ?? [])] });
};

/** Call it at the top of a test file. It stops the system that a test has started. */
export function endStarted(): void {
  afterEach(async () => {
    jest.restoreAllMocks();
    await system.stop();
  });
}

export const about = (id: string) => heard.filter(({ subject }) => subject === id);
/** Makes a waiting row due now. */
export const due = (table: "batch" | "outbox", where: string) =>
  databaseOf(system).sequelize.query(`UPDATE ${table} SET due_at = due_at - 34560000000 WHERE ${where}`);
export const countOf = async (table: string) =>
  (await select<{ n: number }>(system, `SELECT count(*) AS n FROM ${table}`))[0]?.n;
