/** What Sequelize's connections to SQL Server change in the driver. The driver is the real one, without a server. */
import * as tedious from "tedious";
import { dialectModule } from "../../../database/dialects/mssql/models.ts";
import { ConstraintViolation, DatabaseUnavailable } from "../../../database/errors.ts";

const connection = () =>
  new dialectModule.Connection({
    server: "127.0.0.1",
    authentication: { type: "default", options: { userName: "u", password: "p" } },
    options: { port: 1, connectTimeout: 1_000 },
  });

/** A request on a connection that is not open, and the answer that it got. */
function asked(set: (request: tedious.Request) => void = () => {}) {
  const answers: unknown[] = [];
  const request = new tedious.Request("SELECT 1", (error) => answers.push(error));
  set(request);
  connection().execSql(request);
  return { request, answers };
}
const told = (error: Error): unknown => {
  const { request, answers } = asked();
  request.userCallback(error);
  return answers.at(-1);
};
const serverError = (number: number, message: string) =>
  Object.assign(new Error(message), { number, code: "EREQUEST" });

test("null is sent as INT, which fits every column; all else keeps its type", () => {
  const { request } = asked((to) => {
    to.addParameter("a", tedious.TYPES.NVarChar, null);
    to.addParameter("b", tedious.TYPES.VarBinary, Buffer.from("x"));
    to.addParameter("c", tedious.TYPES.NVarChar, "");
  });
  const sent = Object.fromEntries(request.parameters.slice(-3).map(({ name, type }) => [name, type.name]));
  expect(sent).toEqual({ a: "Int", b: "VarBinary", c: "NVarChar" });
});

test("BIGINT becomes a number, nullable or not; nothing else changes", () => {
  const { request } = asked();
  const cell = (value: unknown, name: string, dataLength?: number) => ({
    value,
    metadata: { type: { name }, dataLength },
  });
  const row = [
    cell("9007199254740991", "IntN", 8),
    cell("7", "BigInt"),
    cell(null, "IntN", 8),
    cell(7, "IntN", 4),
    cell("7", "NVarChar", 8),
  ];
  request.emit("row", row);
  expect(row.map(({ value }) => value)).toEqual([9007199254740991, 7, null, 7, "7"]);
});

test("a missing or broken connection means that the database is away", () => {
  const { answers } = asked();
  expect(answers).toEqual([expect.any(DatabaseUnavailable)]);
  for (const code of ["ECONNRESET", "ETIMEOUT", "ESOCKET"])
    expect(told(Object.assign(new Error("x"), { code }))).toBeInstanceOf(DatabaseUnavailable);
  expect(told(serverError(1205, "deadlock"))).toBeInstanceOf(DatabaseUnavailable);
});

test("a violated constraint stays recognizable for Sequelize, without the values; of several errors the first counts", () => {
  const duplicate = serverError(
    2627,
    "Violation of UNIQUE KEY constraint 'x'. Cannot insert duplicate key in object 'y'. The duplicate key value is (hunter2).",
  );
  const seen = told(new AggregateError([duplicate, serverError(3621, "The statement has been terminated.")]));
  expect(seen).toBe(duplicate);
  expect(seen).not.toBeInstanceOf(ConstraintViolation);
  expect((seen as Error).message).toBe(
    "Violation of UNIQUE KEY constraint 'unique'. Cannot insert duplicate key in object 'table'.",
  );
  const fault = serverError(102, "Incorrect syntax near 'x'.");
  expect(told(fault)).toBe(fault);
});

test("a transaction that an error has undone is not rolled back again", async () => {
  const answer = await new Promise((resolve) => connection().rollbackTransaction(resolve));
  expect(answer).toBeNull();
});

test("a connection that cannot be made names neither host nor user", async () => {
  const made = connection();
  const error = await new Promise((resolve) => {
    made.once("connect", resolve);
    made.connect();
  });
  expect(error).toBeInstanceOf(DatabaseUnavailable);
  expect((error as Error).message).toBe("The database cannot be used (ECONNREFUSED).");
});
