/** Sequelize's connections to PostgreSQL. They report errors in the same way as the connections of the hot tables. */
import pg from "pg";
import { errorOf, isCut, isTransient, unavailable } from "./failure.ts";
import { type Links, types } from "./links.ts";
import { isRead } from "./sql.ts";

type Answer = (error: Error | null, result?: unknown) => void;

/**
 * Sequelize's connection. If it breaks or stays silent, its query fails with DatabaseUnavailable. After any error a
 * connection is not used again: the rest of an old answer would be taken for the answer to the next query.
 */
const clientOf = (links: Links) =>
  class extends links.Client {
    #hasFailed = false;

    /**
     * Sequelize's own flag for a connection that must not be used. Sequelize's pool reads it before each use of the
     * connection.
     */
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
      // A query without a callback is Sequelize's own first query on a new connection. Nothing of the caller was sent
      // yet.
      if (typeof answer !== "function")
        return (query(...args) as Promise<unknown>).catch((error: Error) => {
          throw this.told(error, true);
        });
      return query(...args.slice(0, -1), (error: Error | null, result: unknown) =>
        (answer as Answer)(error && this.told(error, isRead(args[0])), result),
      );
    }

    /**
     * Translates errors of broken connections and transient errors. Other errors stay as they are, because Sequelize
     * recognizes violated constraints by them.
     */
    told(error: Error, isRead: boolean): Error {
      this.#hasFailed = true;
      if (isCut(error)) {
        void this.end().catch(() => {});
        return unavailable(error, !isRead);
      }
      return isTransient(error) ? (errorOf(error) as Error) : error;
    }
  };

export const dialectModule = (links: Links) => ({ ...pg, types, Client: clientOf(links) });
