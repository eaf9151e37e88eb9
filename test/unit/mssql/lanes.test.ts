/** Connections to a server that is no SQL Server: all callers learn it in time, and a lane that failed serves the next caller. */
import { createServer, type Server } from "node:net";
import { Sql } from "../../../database/dialects/mssql/sql.ts";
import { DatabaseUnavailable } from "../../../database/errors.ts";
import { plain } from "../../../database/schema/names.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function portOf(greet: (socket: import("node:net").Socket) => void): Promise<number> {
  const sockets = new Set<import("node:net").Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).once("close", () => sockets.delete(socket));
    greet(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as { port: number }).port;
}

const failure = (sql: Sql) =>
  sql.get("SELECT 1").then(
    () => "answered",
    (error: unknown) => error,
  );

test.each([
  ["nobody listens", async () => 1],
  ["it hangs up", () => portOf((socket) => socket.end())],
  ["it speaks another language", () => portOf((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))],
  ["it says nothing", () => portOf(() => {})],
])("more calls than lanes while %s", async (_name, at) => {
  const sql = new Sql({ url: `mssql://u:hunter2@127.0.0.1:${await at()}/x?connectTimeout=200`, connections: 8 }, plain);
  const errors = await Promise.all(Array.from({ length: 20 }, () => failure(sql)));
  for (const error of errors) {
    expect(error).toBeInstanceOf(DatabaseUnavailable);
    expect(error).toMatchObject({
      isOutcomeUnknown: false,
      message: expect.stringMatching(/^The database cannot be used \(E[A-Z]+\)\.$/),
    });
  }
  await sql.close();
  expect(await failure(sql)).toBeInstanceOf(DatabaseUnavailable);
});
