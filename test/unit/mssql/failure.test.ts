/** Errors of SQL Server and its driver, in the forms in which mssql and Sequelize throw them. */
import mssql from "mssql";
import { ConnectionAcquireTimeoutError, DatabaseError } from "sequelize";
import * as tedious from "tedious";
import {
  awayOf,
  codeOf,
  errorOf,
  isCut,
  isLost,
  isTransient,
  refusalOf,
  unavailable,
} from "../../../database/dialects/mssql/failure.ts";
import { ConstraintViolation, DatabaseUnavailable } from "../../../database/errors.ts";

/** The error that mssql makes of an ERROR token of the server. */
function told(number: number, message: string, severity = 16) {
  const info = Object.assign(new Error(message), {
    number,
    class: severity,
    state: 1,
    serverName: "db-host-7",
    lineNumber: 1,
  });
  const inner = Object.assign(new Error(message), { info });
  return new mssql.RequestError(inner as never, "EREQUEST");
}
/** An error that tedious itself throws about a request. */
const driven = (code: string, message: string) =>
  new mssql.RequestError(new tedious.RequestError(message, code) as never, "EREQUEST");
/** The error of a connection that breaks in use. mssql keeps what tedious emitted as the `info` of an error without a number. */
const emitted = (code: string, message: string) =>
  new mssql.RequestError(
    Object.assign(new Error(message), { info: new tedious.ConnectionError(message, code) }) as never,
    "EREQUEST",
  );
const socket = (code: string) =>
  new mssql.RequestError(Object.assign(new Error("socket hang up"), { code }) as never, "EREQUEST");
/** The error of a connection that could not be made. */
const unmade = (code: string, message: string, cause?: object) =>
  new mssql.ConnectionError(new tedious.ConnectionError(message, code, { cause }) as never);
const caused = (code: string) =>
  unmade("ESOCKET", "Failed to connect to db-host-7:1433 - x", Object.assign(new Error("x"), { code }));

const KEY =
  "Violation of PRIMARY KEY constraint 'PK__idempote__2C5F'. Cannot insert duplicate key in object 'dbo.idempotency_key'. The duplicate key value is (1, hunter2).";
const INDEX =
  "Cannot insert duplicate key row in object 'dbo.batch' with unique index 'batch_parent_id_uq'. The duplicate key value is (record_key).";

test.each([
  ["deadlock victim", told(1205, "Transaction (Process ID 52) was deadlocked on lock resources.", 13)],
  ["lock timeout", told(1222, "Lock request time out period exceeded.")],
  ["snapshot conflict", told(3960, "Snapshot isolation transaction aborted due to update conflict.")],
  ["somebody had the same new key", told(2627, KEY, 14)],
  ["two had the day's first upload", told(2627, KEY.replace("idempotency_key", "client_usage"), 14)],
  ["two took a lock that nobody had before", told(2627, KEY.replace("idempotency_key", "batch_lock"), 14)],
  ["two began an order at the same time", told(2627, KEY.replace("idempotency_key", "order_lane"), 14)],
  [
    "the same of a server that names only the constraint",
    told(2627, 'duplicate key value violates unique constraint "record_key_pkey"', 14),
  ],
])("passes by itself: %s", (_name, error) => {
  expect([isTransient(error), isCut(error), refusalOf(error)]).toEqual([true, false, null]);
  expect(errorOf(error)).toBeInstanceOf(DatabaseUnavailable);
  expect(errorOf(error)).toMatchObject({ isOutcomeUnknown: false });
});

test.each([
  ["a unique index", told(2601, INDEX, 14)],
  [
    "a unique constraint",
    told(
      2627,
      "Violation of UNIQUE KEY constraint 'batch_public_id_uq'. Cannot insert duplicate key in object 'dbo.batch'. The duplicate key value is (hunter2).",
      14,
    ),
  ],
  [
    "no value",
    told(
      515,
      "Cannot insert the value NULL into column 'state', table 'dataflow.dbo.batch'; column does not allow nulls. INSERT fails.",
    ),
  ],
  ["a check", told(547, 'The INSERT statement conflicted with the CHECK constraint "x".')],
])("a constraint refused the row: %s", (_name, error) => {
  expect([isTransient(error), isCut(error)]).toEqual([false, false]);
  expect(errorOf(error)).toBeInstanceOf(ConstraintViolation);
  expect((errorOf(error) as Error).message).not.toMatch(/hunter2|record_key|duplicate key value is/);
});

test.each([
  [
    "a statement that took too long, or a silent link",
    driven("ETIMEOUT", "Timeout: Request failed to complete in 10000ms"),
  ],
  ["a link that did not even give up", emitted("ETIMEOUT", "Failed to cancel request in 1000ms")],
  ["a cut", socket("ECONNRESET")],
  ["a cut that the connection told first", emitted("ESOCKET", "Connection lost - read ECONNRESET")],
  ["a write that broke", socket("EPIPE")],
  [
    "an end in the middle of a message",
    new mssql.RequestError(new Error("unexpected end of message stream") as never, "EREQUEST"),
  ],
  ["a connection that was closed", driven("ECLOSE", "Connection closed before request completed.")],
  ["KILL", told(596, "Cannot continue the execution because the session is in the kill state.", 21)],
  ["a fatal error", told(823, "The operating system returned error 21 during a read.", 24)],
])("nobody knows what became of it: %s", (_name, error) => {
  expect([isCut(error), isTransient(error), refusalOf(error)]).toEqual([true, false, null]);
  expect(unavailable(error, true)).toMatchObject({ isOutcomeUnknown: true });
});

test.each([
  ["nobody listens", caused("ECONNREFUSED"), "ECONNREFUSED"],
  ["no answer", unmade("ETIMEOUT", "Failed to connect to db-host-7:1433 in 5000ms"), "ETIMEOUT"],
  [
    "a pool that could not open one",
    new Error("Failed to acquire a connection from the pool: operation timed out"),
    "connection",
  ],
  [
    "a connection that was gone before",
    driven("EINVALIDSTATE", "Requests can only be made in the LoggedIn state, not the Final state"),
    "EINVALIDSTATE",
  ],
  ["the log is full", told(9002, "The transaction log for database 'dataflow' is full.", 17), "9002"],
  ["the disk is full", told(1105, "Could not allocate space for object 'dbo.record'.", 17), "1105"],
  ["read only", told(3906, "Failed to update database because the database is read-only."), "3906"],
  ["no memory", told(701, "There is insufficient system memory.", 17), "701"],
  ["another replica took over", told(983, "Unable to access availability database.", 14), "983"],
])("away, and nothing was done: %s", (_name, error, code) => {
  expect([isCut(error), isTransient(error), refusalOf(error)]).toEqual([false, false, null]);
  const shown = errorOf(error) as DatabaseUnavailable;
  expect(shown).toBeInstanceOf(DatabaseUnavailable);
  expect([shown.isOutcomeUnknown, shown.message]).toEqual([false, `The database cannot be used (${code}).`]);
});

const LOGIN = /^a user and password that the server accepts/;
const DATABASE = /^a database that exists/;
const RIGHTS = /^a user who may use its database/;
const CERTIFICATE = /certificate is trusted .*trustServerCertificate=true/;
test.each([
  [LOGIN, unmade("ELOGIN", "Login failed for user 'sa'.")],
  [LOGIN, unmade("ELOGIN", "Login failed for user 'sa'. Reason: The account is disabled.")],
  [DATABASE, unmade("ELOGIN", 'Cannot open database "x" requested by the login. The login failed.')],
  [DATABASE, told(911, "Database 'x' does not exist.")],
  [
    DATABASE,
    told(
      916,
      'The server principal "u" is not able to access the database "x" under the current security context.',
      14,
    ),
  ],
  [RIGHTS, told(229, "The SELECT permission was denied on the object 'batch', database 'x', schema 'dbo'.", 14)],
  [RIGHTS, told(262, "CREATE TABLE permission denied in database 'x'.", 14)],
  [
    RIGHTS,
    new DatabaseError(
      told(2760, 'The specified schema name "s" does not exist or you do not have permission to use it.') as never,
    ),
  ],
  [CERTIFICATE, caused("DEPTH_ZERO_SELF_SIGNED_CERT")],
  [CERTIFICATE, caused("SELF_SIGNED_CERT_IN_CHAIN")],
  [CERTIFICATE, caused("UNABLE_TO_VERIFY_LEAF_SIGNATURE")],
  [CERTIFICATE, caused("CERT_HAS_EXPIRED")],
  [CERTIFICATE, caused("ERR_TLS_CERT_ALTNAME_INVALID")],
  [/^encrypt=true/, unmade("EENCRYPT", "Server requires encryption, set 'encrypt' config option to true.")],
])("no waiting heals it: %s", (expected, error) => {
  for (const one of [error, unavailable(error)]) {
    expect(refusalOf(one)?.expected).toMatch(expected);
    expect(refusalOf(one)?.message).not.toMatch(/'sa'|db-host-7|"x"/);
  }
});

test.each([
  unmade(
    "ELOGIN",
    "Login failed for user 'sa'. Reason: Server is in script upgrade mode. Only administrator can connect at this time.",
  ),
  unmade(
    "ELOGIN",
    "Login failed for user 'sa'. Reason: Server is in single user mode. Only one administrator can connect at this time.",
  ),
  caused("ECONNREFUSED"),
  caused("EAI_AGAIN"),
  caused("ENOTFOUND"),
])("may heal by waiting: %s", (error) => {
  expect(refusalOf(unavailable(error))).toBeNull();
});

test("of several errors the first is the cause", () => {
  const last = Object.assign(told(3930, "The current transaction cannot be committed."), {
    precedingErrors: [told(1205, "deadlocked", 13)],
  });
  expect([isTransient(last), codeOf(last)]).toEqual([true, "1205"]);
});

test("a login that was refused in another language is recognized by its number", () => {
  const error = Object.assign(unmade("ELOGIN", "Fehler bei der Anmeldung für den Benutzer 'sa'."), { number: 18456 });
  expect(refusalOf(unavailable(error))?.expected).toMatch(LOGIN);
});

test("a staged table that is gone with its connection is distinguished from one that never was", () => {
  expect(isLost(told(208, "Invalid object name '#records'."))).toBe(true);
  expect(isLost(told(208, "Invalid object name 'batch'."))).toBe(false);
});

test("messages name neither host, user nor database, and a fault of a statement stays a fault", () => {
  for (const error of [
    caused("ECONNREFUSED"),
    unmade("ELOGIN", "Login failed for user 'sa'."),
    told(9002, "db-host-7"),
  ])
    expect(unavailable(error).message).toMatch(/^The database cannot be used \([A-Z0-9]+\)\.$/);
  const fault = told(102, "Incorrect syntax near 'x'.", 15);
  expect(errorOf(fault)).toBe(fault);
  expect([isCut(fault), isTransient(fault), codeOf(fault)]).toEqual([false, false, "102"]);
});

test("a server that is away is distinguished from a defect, through Sequelize and umzug", () => {
  const broken = new DatabaseError(emitted("ESOCKET", "Connection lost - read ECONNRESET") as never);
  const inStep = new Error("Migration 0001-schema (up) failed", { cause: broken });
  const full = new ConnectionAcquireTimeoutError(new Error("Operation timeout"));
  for (const error of [broken, inStep, full]) expect(awayOf(error)).toBeInstanceOf(DatabaseUnavailable);
  const known = unavailable(socket("ECONNRESET"), true);
  expect(awayOf(known)).toBe(known);
  expect(awayOf(new DatabaseError(told(208, "Invalid object name 'batch'.") as never))).toBeNull();
});
