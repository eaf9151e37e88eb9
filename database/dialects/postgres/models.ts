/** The connections of Sequelize, made to fail as those of the hot tables do. */
import pg from "pg";
import { errorOf, isCut, isPassing, unavailable } from "./failure.ts";
import type { Links } from "./links.ts";
import { isRead } from "./sql.ts";
import { types } from "./types.ts";

type Answer = (error: Error | null, result?: unknown) => void;

/**
 * A connection that broke, or is silent, tells its user that the database is away. After any error it ends its transaction, and
 * is never used again: what is left of an answer would be taken for the answer to the next question.
 */
const clientOf = (links: Links) =>
  class extends links.Client {
    #hasFailed = false;

    /** Sequelize's own mark, which its pool looks at before each use. */
    get _invalid(): boolean {
      return this.#hasFailed || !links.isTrusted(this);
    }
    set _invalid(isInvalid: boolean) {
      this.#hasFailed = isInvalid;
    }

    // biome-ignore lint/suspicious/noExplicitAny: pg's own has eight shapes; Sequelize calls it with a callback at the end.
    override query(...args: any[]): any {
      const answer = args.at(-1);
      const query = super.query.bind(this) as (...all: unknown[]) => unknown;
      // Sequelize's own greeting of a new connection: nothing of its user's was sent yet.
      if (typeof answer !== "function")
        return (query(...args) as Promise<unknown>).catch((error: Error) => {
          throw this.told(error, true);
        });
      return query(...args.slice(0, -1), (error: Error | null, result: unknown) =>
        (answer as Answer)(error && this.told(error, isRead(args[0])), result),
      );
    }

    /** All else stays as it came: Sequelize knows constraints by pg's own errors. */
    told(error: Error, isRead: boolean): Error {
      this.#hasFailed = true;
      if (isCut(error)) {
        void this.end().catch(() => {});
        return unavailable(error, !isRead);
      }
      return isPassing(error) ? (errorOf(error) as Error) : error;
    }
  };

export const dialectModule = (links: Links) => ({ ...pg, types, Client: clientOf(links) });
