/** Rows that are due, each to one caller only. */
import { AT_NOW } from "../rows.ts";

interface Taking {
  /** Columns of the table variable `@taken`. */
  taken: string;
  /** A SELECT of the ids of up to `@limit` rows that look free. READPAST may spare it a wait; what it picks is no promise. */
  pick: string;
  /** An UPDATE into `@taken` that asks once more whether they are free, now with their rows locked. */
  take: string;
  answer: string;
}

/** A look that shows only rows which others then took is followed by another one: theirs are gone from it. */
const MOST_LOOKS = 20;

export const taking = ({ taken, pick, take, answer }: Taking): string => `${AT_NOW}
DECLARE @due TABLE (id BIGINT NOT NULL PRIMARY KEY);
DECLARE @taken TABLE (${taken});
DECLARE @picked INT = 1;
DECLARE @held INT = 0;
DECLARE @looks INT = 0;
WHILE @picked > 0 AND @held = 0 AND @looks < ${MOST_LOOKS}
BEGIN
DELETE FROM @due;
INSERT INTO @due (id)
${pick};
SET @picked = @@ROWCOUNT;
${take};
SET @held = @@ROWCOUNT;
SET @looks = @looks + 1;
END;
${answer};`;
