/**
 * The bytes and records that a policy allows in a UTC day. The stored counts decide at the commit. This check refuses
 * early what would fail there.
 */

import { Problem } from "../../lib/errors.ts";
import type { Policy } from "../policy/policy.contract.ts";
import type { DayQuota, DayUsage } from "./imports.domain.ts";
import type { UploadPort } from "./imports.running.ts";

type UsagePort = Pick<UploadPort, "usage">;
type Amount = Pick<DayUsage, "bytes" | "records">;

/** The quota of the day. Null: the policy has none, and nothing is counted. */
export const dayQuotaOf = ({ bytesPerDay: bytes, recordsPerDay: records }: Policy): DayQuota | null =>
  bytes === null && records === null ? null : { bytes, records };

/** The refusal of an upload of this size after what was sent today. */
export function quotaExceeded(quota: DayQuota, usage: DayUsage, { bytes, records }: Amount): Problem {
  const violated: string[] = [];
  if (quota.bytes !== null && usage.bytes + bytes > quota.bytes) violated.push("bytesPerDay");
  if (quota.records !== null && usage.records + records > quota.records) violated.push("recordsPerDay");
  const allowed = [
    ...(quota.bytes === null ? [] : [`${quota.bytes} bytes`]),
    ...(quota.records === null ? [] : [`${quota.records} records`]),
  ].join(" and ");
  return new Problem("quota-exceeded", `${allowed} a day (UTC) are allowed; this upload goes beyond.`, {
    "violated-policies": violated,
    headers: { "Retry-After": String(Math.ceil(usage.msLeft / 1000)) },
  });
}

/** Checks the quotas while a body comes in. */
export class QuotaWatch {
  private readonly store: UsagePort;
  private readonly clientId: number;
  private readonly quota: DayQuota;
  private usage: DayUsage;

  private constructor(store: UsagePort, clientId: number, quota: DayQuota, usage: DayUsage) {
    this.store = store;
    this.clientId = clientId;
    this.quota = quota;
    this.usage = usage;
  }

  /** `bytes`: what is known of the body's length. Throws quota-exceeded. */
  static async begin(store: UsagePort, clientId: number, quota: DayQuota | null, bytes: number) {
    if (!quota) return null;
    const watch = new QuotaWatch(store, clientId, quota, await store.usage(clientId));
    const least = { bytes: Math.max(1, bytes), records: 1 };
    if (watch.isOver(least)) throw quotaExceeded(quota, watch.usage, least);
    return watch;
  }

  isOver({ bytes, records }: Amount): boolean {
    const { quota, usage } = this;
    return usage.bytes + bytes > (quota.bytes ?? Infinity) || usage.records + records > (quota.records ?? Infinity);
  }

  /** Reads the counts again once `isOver`, because a new day may have begun. Throws quota-exceeded. */
  async lookAgain(amount: Amount): Promise<void> {
    this.usage = await this.store.usage(this.clientId);
    if (this.isOver(amount)) throw quotaExceeded(this.quota, this.usage, amount);
  }
}
