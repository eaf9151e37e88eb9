/** Access to a SQL Server database of the company, in which DataFlow has no tables of its own. */
import { QueryTypes, Sequelize } from "sequelize";
import { DatabaseUnavailable } from "../../errors.ts";
import { plain } from "../../schema/names.ts";
import { awayOf, refusalOf } from "./failure.ts";
import { dialectModule, isUsable } from "./models.ts";
import { Sql } from "./sql.ts";
import { appliedOn } from "./table/elsewhere.ts";
import { CONNECT_TIMEOUT_MS, REQUEST_TIMEOUT_MS, sequelizeOptionsOf } from "./url.ts";

const CONNECTIONS = 2;

/**
 * Makes a reader that opens its first connection when it is first used. The reader throws DatabaseUnavailable if the
 * database cannot be opened, for any reason.
 */
export function openAsker({ name, url, connections }: { name: string; url: string; connections: number }) {
  const options = { dialect: "mssql", dialectModule, databaseVersion: "15.0.0", logging: false } as const;
  const validate = (connection: unknown) => isUsable(connection, Number.NEGATIVE_INFINITY);
  const sequelize = new Sequelize({
    ...options,
    ...sequelizeOptionsOf(url, REQUEST_TIMEOUT_MS),
    pool: { max: CONNECTIONS, acquire: CONNECT_TIMEOUT_MS * 2, validate },
  });
  const sql = new Sql({ url, connections }, plain);
  async function ask(text: string, values: readonly unknown[]): Promise<unknown[]> {
    try {
      return await sequelize.query(text, { bind: [...values], type: QueryTypes.SELECT });
    } catch (error) {
      const isRefused = refusalOf(error) !== null;
      throw (
        awayOf(error) ??
        (isRefused ? new DatabaseUnavailable("The server refuses the login.", { cause: error }) : error)
      );
    }
  }
  return {
    applied: appliedOn(sql, name),
    ask,
    send: (text: string) => ask(text, []),
    async close(): Promise<void> {
      await Promise.all([sql.close(), sequelize.close()]);
    },
  };
}
