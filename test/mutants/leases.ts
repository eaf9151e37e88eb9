/** Mutants of how a worker keeps and releases the batches that it has claimed. */
import type { Mutants } from "./mutant.ts";

export const leases: Mutants[] = [
  {
    file: "services/batchProcessor/batchProcessor.leases.ts",
    tests: ["unit/services/batchProcessor.leases"],
    lines: [
      ["renewedAt: performance.now() });", "renewedAt: Number.POSITIVE_INFINITY });"],
      ["if (entry) entry.renewedAt = performance.now();"],
      ["this.held.delete(id);"],
      ["if (asked.length === 0) return;"],
      [
        "await inTime(this.leaseMs / 3, this.extend(asked.map((entry) => entry.run.id)))",
        "await this.extend(asked.map((entry) => entry.run.id))",
      ],
      ["if (performance.now() - renewedAt > this.leaseMs) run.lose", "run.lose"],
      ["if (this.held.get(entry.run.id) !== entry) return;"],
      ["Math.max(entry.renewedAt, askedAt)", "askedAt"],
      ['else entry.run.lose("its fence was raised");'],
    ],
  },
  {
    file: "services/batchProcessor/batchProcessor.lock.ts",
    tests: ["unit/services/batchProcessor.release"],
    lines: [
      ["await actors.batchLock.extend(broker, lock).catch(() => false)", "await Promise.resolve(true)"],
      ["batchLock.extend(broker, lock).catch(() => false)", "batchLock.extend(broker, lock).catch(() => true)"],
      ["if (!isHeld) await lost();"],
      ["clearInterval(this.timer);"],
      ["this.given ??= giveBack", "this.given = giveBack"],
    ],
  },
  {
    file: "services/batchProcessor/batchProcessor.group.ts",
    tests: ["unit/services/batchProcessor.group"],
    lines: [
      ["this.runs--;"],
      ["if (!(await Promise.all(held)).every((isHeld) => isHeld)) await lost();"],
      ["given ??= --this.holders === 0 ? this.free() : Promise.resolve();", "given ??= this.free();"],
    ],
  },
  {
    file: "services/batchProcessor/batchProcessor.executor.ts",
    tests: ["unit/services/batchProcessor.lost"],
    lines: [
      ['stop.signal.addEventListener("abort", () => void own.lock?.giveBack());'],
      ["this.parts.leases.drop(batch.id);"],
    ],
  },
  {
    file: "services/batchProcessor/batchProcessor.executor.ts",
    tests: ["unit/services/batchProcessor.orphans"],
    lines: [
      ["{\n      this.orphans.add(publicId);\n      throw error;", "{\n      throw error;"],
      ["for (const { publicId } of batches) this.orphans.add(publicId);"],
      ["this.orphans.add(publicId);\n      if (outcome", "if (outcome"],
      ["{\n      this.orphans.add(publicId);\n      log.error", "{\n      log.error"],
    ],
  },
  {
    file: "services/batchProcessor/batchProcessor.executor.ts",
    tests: ["unit/services/batchProcessor.lock"],
    lines: [["if (!claim && lock) await giveBack(this.broker, lock);"]],
  },
  {
    file: "services/batchProcessor/batchProcessor.executor.ts",
    tests: ["unit/services/batchProcessor.release"],
    lines: [["this.runs.delete(batch.publicId);"], ['stop.abort("the run is over");'], ["await lock?.giveBack();"]],
  },
  {
    file: "services/batchProcessor/batchProcessor.executor.ts",
    tests: ["unit/services/batchProcessor.test"],
    lines: [["for (const { stop } of this.runs.values()) stop.abort(NODE_STOPS);"]],
  },
  {
    file: "services/batchProcessor/batchProcessor.orphans.ts",
    tests: ["unit/services/batchProcessor.orphans"],
    lines: [[" && !isRunning(publicId)"], [" && batch.owner === this.owner"], ["this.ids.delete(publicId);"]],
  },
  {
    file: "services/batchProcessor/batchProcessor.snoozed.ts",
    tests: ["unit/services/batchProcessor.snoozed"],
    lines: [["if (changes !== this.changes) this.wake();"], ["this.waiting.delete(batch.publicId);"]],
  },
];
