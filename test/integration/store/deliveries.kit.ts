/** Helpers of the tests that take deliveries, list them, and record attempts. */
import { randomUUID } from "node:crypto";
import type { Database } from "../../../database/database.ts";
import type { AttemptRecord, TakenDelivery } from "../../../services/webhook/webhook.domain.ts";
import { event, ready } from "./drafts.ts";

const LEASE = 60_000;

export function deliveryKit(database: () => Database) {
  const store = () => database().store;
  const deliveries = () => database().deliveries;
  const told = (topic: string) => ({ ...event(topic), delivery: { publicId: randomUUID() } });
  const take = (over: { limit?: number; leaseMs?: number; busy?: number[] } = {}) =>
    deliveries().takeDeliveries({ limit: 10, leaseMs: LEASE, busy: [], claim: randomUUID(), ...over });
  const list = (query: object = {}) => deliveries().listDeliveries({ limit: 10, ...query });
  const record = ({ id, claim }: TakenDelivery, over: Partial<AttemptRecord> = {}) =>
    deliveries().recordAttempt({
      id,
      claim,
      status: 200,
      error: null,
      ms: 5,
      next: { state: "delivered" },
      ...over,
    });
  const later = (inMs: number, isTry = true): Partial<AttemptRecord> => ({
    status: 500,
    error: "no",
    next: { state: "pending", inMs, isTry },
  });

  async function one(clientId = 1): Promise<TakenDelivery> {
    await ready(store(), clientId, { events: [told("batch.created")] });
    const [taken] = await take();
    if (!taken) throw new Error("nothing was taken");
    return taken;
  }

  return { store, deliveries, told, take, list, record, later, one };
}
