/** How long things may take on a connection, of ours and of the models. */

/**
 * A link that is open but silent is taken for cut after so long: longer than any statement of ours takes, and short
 * enough that a caller, who waits 30 s, hears that the database is away, and that a lease outlives it.
 */
export const QUERY_TIMEOUT_MS = 10_000;
export const CONNECT_TIMEOUT_MS = 5_000;
/**
 * The server gives a slow statement up before we do: then it says so, and it is known that nothing was written. Where we give
 * up first, nobody knows, and the statement is sent again.
 */
const STATEMENT_TIMEOUT_MS = 9_000;
/** A row that is locked for longer belongs to somebody who is stuck. */
const LOCK_TIMEOUT_MS = 5_000;
const IDLE_IN_TRANSACTION_MS = 10_000;

/** What the server is asked to keep, in the greeting. */
export const serverLimits = {
  statement_timeout: STATEMENT_TIMEOUT_MS,
  lock_timeout: LOCK_TIMEOUT_MS,
  idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
};

/** What the driver keeps by itself. */
export const driverLimits = {
  query_timeout: QUERY_TIMEOUT_MS,
  keepAlive: true,
  connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  application_name: "dataflow",
};

export type Limits = typeof driverLimits & Partial<typeof serverLimits>;
