/** Rows that are due, each to one caller only. */
import { AT_NOW } from "../rows.ts";

/** Passes by rows that somebody takes right now, instead of waiting for them. READPAST alone is an error where rows have versions. */
export const PASSING_BY = "WITH (READCOMMITTEDLOCK, READPAST)";

interface Taking {
  /** Columns of the table variable `@taken`. */
  taken: string;
  /** A SELECT of the ids of up to `@open` more rows that look free: what it picks is no promise. */
  pick: string;
  /** An UPDATE of those of `@due`, into `@taken`, that asks once more whether they are free, now with their rows locked. */
  take: string;
  answer: string;
}

/** Rows that others took meanwhile are gone from the next look; so many looks are enough for anyone's turn. */
const MOST_LOOKS = 20;

/** Takes up to `@limit` rows, one look after the other until there is nothing more to be seen. */
export const taking = ({ taken, pick, take, answer }: Taking): string => `${AT_NOW}
DECLARE @due TABLE (id BIGINT NOT NULL PRIMARY KEY);
DECLARE @taken TABLE (${taken});
DECLARE @open INT = @limit;
DECLARE @picked INT = 1;
DECLARE @looks INT = 0;
WHILE @picked > 0 AND @open > 0 AND @looks < ${MOST_LOOKS}
BEGIN
DELETE FROM @due;
INSERT INTO @due (id)
${pick};
SET @picked = @@ROWCOUNT;
${take};
SET @open = @open - @@ROWCOUNT;
SET @looks = @looks + 1;
END;
${answer};`;
