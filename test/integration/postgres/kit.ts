/** A PostgreSQL behind a proxy: the node's connection through the proxy, and one beside it that shows what is really stored. */
import { type Database, openDatabase } from "../../../database/database.ts";
import { freshPostgres } from "../../helpers/database.ts";
import { startProxy, type TcpProxy } from "../../helpers/proxy.ts";

export interface Proxied {
  proxy: TcpProxy;
  /** The URL through the proxy. */
  url: string;
  /** The database without the proxy. */
  beside: Database;
  rows<T>(sql: string): Promise<T[]>;
  remove(): Promise<void>;
}

/** `open`: opens a database of the test's own, or one that many tests share. */
export async function proxiedPostgres(open = freshPostgres): Promise<Proxied> {
  const { db: beside, url, remove } = await open();
  const { hostname: host, port } = new URL(url);
  const proxy = await startProxy({ host, port: Number(port || 5432) });
  const through = new URL(url);
  through.host = `127.0.0.1:${proxy.port}`;
  return {
    proxy,
    url: through.href,
    beside,
    rows: async <T>(sql: string) => (await beside.sequelize.query(sql))[0] as T[],
    async remove() {
      await proxy.close();
      await remove();
    },
  };
}

export const opened = (url: string): Promise<Database> => openDatabase({ url });
