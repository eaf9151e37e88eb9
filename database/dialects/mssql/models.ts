/** The connections of Sequelize, made to fail as those of the hot tables do. */
import * as tedious from "tedious";
import { errorOf, isAway, isCut, isDuplicate, isPassing, unavailable } from "./failure.ts";
import { sendAtOnce, watched, withRefusal } from "./links.ts";

/** What Sequelize does not tell from others: a null has no type of its own, and one sent as text fits no BINARY column; INT fits all. */
function typedNulls({ parameters }: tedious.Request): void {
  for (const parameter of parameters)
    if (parameter.value === null || parameter.value === undefined) parameter.type = tedious.TYPES.Int;
}

const BIGINT_BYTES = 8;
type Column = { value: unknown; metadata: { type: { name: string }; dataLength?: number } };

/** The driver gives BIGINT as text. Ids and times are below 2^53. */
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
 * A connection that broke, or is silent, tells its user that the database is away. After any error it ends its transaction, and
 * is never used again: what is left of an answer would be taken for the answer to the next question.
 */
class ModelConnection extends tedious.Connection {
  readonly madeAt = performance.now();
  hasFailed = false;

  constructor(config: tedious.ConnectionConfiguration) {
    super(config);
    watched(this);
  }

  /** What the driver says of a connection that could not be made names host and user. */
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

  /** An error has undone the transaction already: see `abortTransactionOnError`. */
  override rollbackTransaction(answer: Transacted, name?: string): void {
    if (this.inTransaction) super.rollbackTransaction(this.#telling(answer), name);
    else setImmediate(() => answer(null));
  }

  #telling<R extends unknown[]>(answer: Answer<R>): Answer<R> {
    return (error, ...rest) => answer(error && this.#told(error), ...rest);
  }

  #told(error: Error): Error {
    this.hasFailed = true;
    // The first of several is the cause of the others.
    const [first = error] = (error as Partial<AggregateError>).errors ?? [];
    if (isCut(first)) this.close();
    if (isAway(first) || isPassing(first)) return errorOf(first) as Error;
    if (isDuplicate(first)) first.message = DUPLICATE;
    return first;
  }
}

/** Sequelize knows a unique constraint by this text alone, and the server's own says which values there were. */
const DUPLICATE = "Violation of UNIQUE KEY constraint 'unique'. Cannot insert duplicate key in object 'table'.";

/** For Sequelize's pool, before each use. Of those made before `distrustedAt` one answered another question than it was asked. */
export function isUsable(connection: unknown, distrustedAt: number): boolean {
  const { madeAt, hasFailed, state } = connection as ModelConnection & { state: { name: string } };
  return !hasFailed && madeAt > distrustedAt && state.name === "LoggedIn";
}

export const dialectModule = { ...tedious, Connection: ModelConnection };
