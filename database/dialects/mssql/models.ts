/** Sequelize's connections to SQL Server. They report errors in the same way as the connections of the hot tables. */
import * as tedious from "tedious";
import { errorOf, isAway, isCut, isDuplicate, isTransient, unavailable } from "./failure.ts";
import { sendAtOnce, watched, withRefusal } from "./lanes.ts";

/** Sends each null as INT, which fits every column. Sequelize would send it as text, which fits no BINARY column. */
function typedNulls({ parameters }: tedious.Request): void {
  for (const parameter of parameters)
    if (parameter.value === null || parameter.value === undefined) parameter.type = tedious.TYPES.Int;
}

const BIGINT_BYTES = 8;
type Column = { value: unknown; metadata: { type: { name: string }; dataLength?: number } };

/** Converts BIGINT to numbers, because ids and times are below 2^53. The driver returns BIGINT as text. */
function numbered(columns: Column[]): void {
  for (const column of columns) {
    const { type, dataLength } = column.metadata;
    const isBig = type.name === "BigInt" || (type.name === "IntN" && dataLength === BIGINT_BYTES);
    if (isBig && column.value !== null) column.value = Number(column.value);
  }
}

type Answer<R extends unknown[]> = (error: Error | null | undefined, ...rest: R) => void;
type Transacted = Parameters<tedious.Connection["commitTransaction"]>[0];

/**
 * Sequelize's connection. If it breaks or stays silent, its query fails with DatabaseUnavailable. After any error a
 * connection is not used again: the rest of an old answer would be taken for the answer to the next query.
 */
class ModelConnection extends tedious.Connection {
  readonly madeAt = performance.now();
  hasFailed = false;

  constructor(config: tedious.ConnectionConfiguration) {
    super(config);
    watched(this);
  }

  /** Replaces the driver's error of a failed connect, because its text names host and user. */
  override emit(event: string, ...values: unknown[]): boolean {
    if (event === "connect") sendAtOnce(this);
    const told = event === "connect" && values[0] ? [unavailable(withRefusal(values[0], this))] : values;
    return (super.emit as (event: string, ...values: unknown[]) => boolean).call(this, event, ...told);
  }

  override execSql(request: tedious.Request): void {
    typedNulls(request);
    request.prependListener("row", numbered);
    request.userCallback = this.#telling(request.userCallback);
    super.execSql(request);
  }

  override beginTransaction(answer: Transacted, name?: string, isolationLevel?: number): void {
    super.beginTransaction(this.#telling(answer), name, isolationLevel);
  }

  override commitTransaction(answer: Transacted, name?: string): void {
    super.commitTransaction(this.#telling(answer), name);
  }

  /** After an error there is nothing to roll back: the error has undone the transaction (`abortTransactionOnError`). */
  override rollbackTransaction(answer: Transacted, name?: string): void {
    if (this.inTransaction) super.rollbackTransaction(this.#telling(answer), name);
    else setImmediate(() => answer(null));
  }

  #telling<R extends unknown[]>(answer: Answer<R>): Answer<R> {
    return (error, ...rest) => answer(error && this.#told(error), ...rest);
  }

  #told(error: Error): Error {
    this.hasFailed = true;
    // If there are several errors, the first is the cause.
    const [first = error] = (error as Partial<AggregateError>).errors ?? [];
    if (isCut(first)) this.close();
    if (isAway(first) || isTransient(first)) return errorOf(first) as Error;
    if (isDuplicate(first)) first.message = DUPLICATE;
    return first;
  }
}

/**
 * The error text for a violated unique constraint. Sequelize recognizes the violation only by this text, and the
 * server's own text would show the values.
 */
const DUPLICATE = "Violation of UNIQUE KEY constraint 'unique'. Cannot insert duplicate key in object 'table'.";

/**
 * Whether Sequelize's pool may use the connection again. A connection made before `distrustedAt` may not, because one
 * of those gave a wrong answer.
 */
export function isUsable(connection: unknown, distrustedAt: number): boolean {
  const { madeAt, hasFailed, state } = connection as ModelConnection & { state: { name: string } };
  return !hasFailed && madeAt > distrustedAt && state.name === "LoggedIn";
}

export const dialectModule = { ...tedious, Connection: ModelConnection };
