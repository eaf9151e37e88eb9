/** Mutants of a batch's moves, its sweep, its upload and its end. */
import type { Mutants } from "./mutant.ts";

export const batch: Mutants[] = [
  {
    file: "services/batch/batch.moves.ts",
    tests: ["unit/services/batch.moves"],
    lines: [
      [
        'if ((batch.dueAt ?? Infinity) < Date.now() + GOING_MS) throw new Problem("not-found", "There is no such batch.");',
      ],
      ['phase === "validate" || phase === "review" ? { restart: phase } : {}', "{}"],
      ['attempt: "reset"', 'attempt: "keep"'],
      ["const { version: _, ...byFence } =", "const byFence ="],
      ["parts.wakeWorkers();\n  return batch;", "return batch;"],
      ["if (written) parts.wakeWorkers();"],
    ],
  },
  {
    file: "services/batch/batch.settle.ts",
    tests: ["unit/services/batch.moves"],
    lines: [["if (written) parts.wakeWorkers();\n  else", "if (!written)"]],
  },
  {
    file: "services/batch/batch.settle.ts",
    tests: ["unit/services/batch.work"],
    lines: [
      ['attempt: "uncount"', 'attempt: "keep"'],
      ["if (attempt >= maxAttempts)", "if (attempt > maxAttempts)"],
    ],
  },
  {
    file: "services/batch/batch.work.ts",
    tests: ["unit/services/batch.moves"],
    lines: [["!keepsBody(state) && bodyKeptMs", "bodyKeptMs"]],
  },
  {
    file: "services/batch/batch.work.ts",
    tests: ["unit/services/batch.work"],
    lines: [["purge ? retentionDue(policy) : endedDue(policy, after)", "endedDue(policy, after)"]],
  },
  {
    file: "services/batch/batch.work.ts",
    tests: ["unit/services/batch.work"],
    lines: [["accepted: batch.accepted + commit.counts.accepted", "accepted: batch.accepted"]],
  },
  {
    file: "services/batch/batch.sweep.ts",
    tests: ["unit/services/batch.sweep"],
    lines: [
      ["await this.repair();"],
      ["broker.localBus.emit(SWEPT);"],
      ["if (isUnavailable(error)) throw error;"],
      ["if (this.isEnded) return;"],
    ],
  },
  {
    file: "services/batch/batch.sweep.ts",
    tests: ["unit/services/batch.work"],
    lines: [["    this.wakeRetention();"], ["if (batch.attempt < maxAttempts)", "if (batch.attempt <= maxAttempts)"]],
  },
  {
    file: "services/batch/batch.sweep.ts",
    tests: ["unit/mixins/clock"],
    lines: [["if (!clock.wentIn(leaseMs))", "if (true)"]],
  },
  {
    file: "services/retention/retention.rounds.ts",
    tests: ["unit/services/retention.rounds"],
    lines: [
      ["(await this.forget()) || hasMore", "hasMore"],
      ["if (isUnavailable(error)) throw error;"],
      ["!this.isEnded && (await this.parts.mayDelete())", "!this.isEnded"],
    ],
  },
  {
    file: "services/imports/imports.running.ts",
    tests: ["unit/services/imports.running"],
    lines: [
      ["if (this.perClient.size === 0) this.onEmpty();"],
      ["if (id !== null) this.rows.delete(id);"],
      ["await Promise.all(this.wipes);"],
    ],
  },
  {
    file: "services/imports/imports.receive.ts",
    tests: ["unit/services/batch.test"],
    lines: [["intake.uploads.drop(upload.rowId);"], ["if (!isKept) await takeBack(intake, upload);"]],
  },
  {
    file: "services/imports/imports.retry.ts",
    tests: ["unit/services/batch.test"],
    lines: [["intake.uploads.drop(upload.rowId);"]],
  },
  {
    file: "services/api/routes/events.ts",
    tests: ["unit/services/api.events"],
    lines: [
      ["this.heartbeat.refresh();"],
      ["if (batch.version <= this.version) return;"],
      ["clearInterval(this.heartbeat);"],
    ],
  },
  {
    file: "services/api/http/connections.ts",
    tests: ["e2e/connections-stop"],
    lines: [["for (const { isSilent, socket } of this.crowd) if (isSilent) socket.destroy();"]],
  },
  {
    file: "services/outbox/outbox.service.ts",
    tests: ["unit/services/outbox"],
    lines: [
      ["this.confirmed.push(...ids);"],
      [
        "await within(CONFIRM_MS, Promise.all(this.underWay));\n    await this.forget();",
        "await within(CONFIRM_MS, Promise.all(this.underWay));",
      ],
      ["this.refused.clear();"],
    ],
  },
];
