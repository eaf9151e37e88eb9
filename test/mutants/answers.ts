/** Mutants of the code for lost answers of the database, and for answers that belong to another query. */
import type { Mutants } from "./mutant.ts";

export const answers: Mutants[] = [
  {
    file: "database/unknown-outcome.ts",
    tests: ["unit/database/lost-answers"],
    lines: [
      ["if (!(error instanceof ConstraintViolation)) throw error;"],
      ["state === move.to && (", "("],
      ["fence === (move.fence ?? 0) + 1", "true"],
      ["version === move.version + 1", "true"],
      ["if (!(lost instanceof DatabaseUnavailable && lost.isOutcomeUnknown)) throw lost;"],
      ["if (!isUnavailable(error)) throw error;"],
      ["if (performance.now() > Math.min(lostAt + RESOLVE_MS, deadline())) throw lost;"],
      ["Math.min(lostAt + RESOLVE_MS, deadline())", "deadline()"],
      ["if (!begun) throw violation;"],
      ["return own ? { id: own.id } : begun;", "return begun;"],
      ["unlessPresent(append, () => true)", "append()"],
      ['if (!batch || batch.state === "receiving" || ', "if (!batch || "],
      ['return done.outcome === "stored" ? done : ((await look()) ?? done);', "return done;"],
      ['batch?.state === "processing" && batch.owner === owner ? { batch', "batch ? { batch"],
      ["await untilFree([id]);"],
      ["await untilFree(ids);"],
      ["(await take()) ?? look()", "take()"],
      ['batch?.state === "processing" && batch.owner === owner);', "batch !== null);"],
      ["batch?.fence === chunk.fence ?", "batch ?"],
      [") ?? lookAt(chunk))", "))"],
      ["return one.value ?? lookAt(chunks[i] as ChunkCommit);", "return one.value;"],
      ['for (const one of settled) if (one.status === "rejected" && isUnavailable(one.reason)) throw one.reason;'],
      ["return done.outbox.length > 0 || isMoved(batch, wanted) ? done : null;", "return done;"],
      ["done.outbox.length > 0 || "],
      ["(await make()) ?? look()", "make()"],
    ],
  },
  {
    file: "database/verified.ts",
    tests: ["unit/database/verified"],
    lines: [
      ["if (error instanceof MismatchedAnswer) distrust();"],
      ["row.state === state)),", "true)),"],
      ["written.batch.id === id", "true"],
      ["(chunk) => chunk === null || chunk.no === no", "() => true"],
    ],
  },
  {
    file: "database/verified.ts",
    tests: ["integration/postgres/stray-answer"],
    lines: [["if (!rows.every(isAsked)) throw mismatchIn(sequelize);"]],
  },
];
