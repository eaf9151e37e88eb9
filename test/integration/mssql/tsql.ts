/** A reader for the part of T-SQL that our batches use: their steps, and each statement in PostgreSQL's form. */
import { LRUCache } from "lru-cache";

export type Step =
  | { kind: "statement"; text: string }
  | { kind: "block"; steps: Step[] }
  | { kind: "if"; condition: string; body: Step; otherwise: Step | null }
  | { kind: "while"; condition: string; body: Step }
  | { kind: "try"; steps: Step[]; caught: Step[] };

const CONDITION = /(IF|WHILE) ([^;]*?)\s+(?=(?:BEGIN|COMMIT|ROLLBACK|SET|THROW)\b)/y;

/** Reads a batch from its beginning. Throws at a text that it does not know. */
class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** All steps up to the end of the batch, or to the END of a block. */
  steps(): Step[] {
    const steps: Step[] = [];
    while (!this.#sees(/END\b|$/y)) steps.push(this.#step());
    return steps;
  }

  #step(): Step {
    const found = this.#takes(CONDITION);
    if (found) return this.#conditional(found[1] === "WHILE", found[2] as string);
    if (this.#takes(/BEGIN TRY\b/y)) return this.#trying();
    if (this.#sees(/BEGIN TRAN\b/y) || !this.#takes(/BEGIN\b/y)) return { kind: "statement", text: this.#statement() };
    const steps = this.steps();
    this.#takes(/END\b/y);
    return { kind: "block", steps };
  }

  #trying(): Step {
    const steps = this.steps();
    this.#takes(/END TRY\b/y);
    this.#takes(/BEGIN CATCH\b/y);
    const caught = this.steps();
    this.#takes(/END CATCH\b/y);
    return { kind: "try", steps, caught };
  }

  #conditional(isLoop: boolean, condition: string): Step {
    const body = this.#step();
    if (isLoop) return { kind: "while", condition, body };
    const otherwise = this.#takes(/ELSE\b/y) ? this.#step() : null;
    return { kind: "if", condition, body, otherwise };
  }

  #statement(): string {
    const found = this.#takes(/(?:'[^']*'|[^';])+/y);
    if (!found) throw new Error(`No statement at: ${this.#text.slice(this.#at, this.#at + 40)}`);
    return found[0].trim();
  }

  #sees(pattern: RegExp): boolean {
    return this.#match(pattern) !== null;
  }

  #takes(pattern: RegExp): RegExpExecArray | null {
    const found = this.#match(pattern);
    if (found) this.#at += found[0].length;
    return found;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    while (/[\s;]/.test(this.#text[this.#at] ?? "")) this.#at++;
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#text);
  }
}

/** How many texts are kept in a cache. Most texts are repeated, and reading one takes longer than running its statements. */
const MOST_TEXTS = 1_000;
const batches = new LRUCache<string, Step[]>({ max: MOST_TEXTS, memoMethod: (batch) => new Reader(batch).steps() });
const statements = new LRUCache<string, string>({ max: MOST_TEXTS, memoMethod: translated });

export const stepsOf = (batch: string): Step[] => batches.memo(batch);
export const asPostgres = (statement: string): string => statements.memo(statement);

/** The PostgreSQL type for a type of SQL Server, of any length. */
export function typeOf(type: string): string {
  if (/^NVARCHAR/i.test(type)) return "text";
  if (/^(VAR)?BINARY/i.test(type)) return "bytea";
  if (/^UNIQUEIDENTIFIER/i.test(type)) return "uuid";
  return /^FLOAT/i.test(type) ? "float8" : type.toLowerCase();
}

/** The columns of a table variable. */
export const columnsOf = (list: string): string =>
  list
    .replaceAll(/ COLLATE \w+/g, "")
    .replaceAll(/N?VAR(?:CHAR|BINARY)\(\w+\)|BINARY\(\w+\)|UNIQUEIDENTIFIER/g, typeOf);

const words: [RegExp, string][] = [
  [/DATEDIFF_BIG\(.*?SYSUTCDATETIME\(\)\)/g, "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"],
  [/ WITH \(READCOMMITTEDLOCK(?:, READPAST)?\)/g, ""],
  [/ WITH \(UPDLOCK, HOLDLOCK\)/g, ""],
  [/\s+FROM batch WITH \(INDEX\(1\)\)/g, ""],
  [/ WITH \((?:NOLOCK|INDEX\(client_queue_waiting_ix\))\)/g, ""],
  [/OUTER APPLY (\(.*?\) AS t)\s+WHERE/gs, "LEFT JOIN LATERAL $1 ON true WHERE"],
  [/\s+OPTION \([A-Z ,]+\d*\)/g, ""],
  [/^WITH waiting AS/g, "WITH RECURSIVE waiting AS"],
  [/COUNT_BIG\(/g, "COUNT("],
  [/JSON_VALUE\(([\w.]+), '\$\.(\w+)'\)/g, "($1::jsonb ->> '$2')"],
  [/ COLLATE \w+/g, ""],
  // In SQL Server the SUM of whole numbers is a whole number.
  [/\bSUM\((\w\.)?n\)((?: OVER \([^)]*\))?)/g, "CAST(SUM($1n)$2 AS bigint)"],
  [/(\S+) \+ NCHAR\((\d+)\) \+ (\S+)/g, "$1 || chr($2) || $3"],
  [/\bLEN\(/g, "length("],
  [/CROSS APPLY/g, "CROSS JOIN LATERAL"],
  [/OPENJSON\((@\w+)\) AS listed/g, "jsonb_array_elements_text($1::jsonb) AS listed(value)"],
  [/CONVERT\(VARBINARY\(\d+\), ([\w.]+), 2\)/g, "decode($1, 'hex')"],
  [/CONVERT\(CHAR\(36\), ([@\w.]+)\)/g, "CAST($1 AS text)"],
  [/DATALENGTH\(([\w.]+)\)/g, "(octet_length($1) * 2)"],
  [/SCOPE_IDENTITY\(\)/g, "lastval()"],
  [/AS NVARCHAR\(\d+\)\)/g, "AS text)"],
  [/AS FLOAT\)/g, "AS float8)"],
  [/AS UNIQUEIDENTIFIER\)/g, "AS uuid)"],
];

function translated(statement: string): string {
  const text = words.reduce((all, [pattern, word]) => all.replaceAll(pattern, word), joining(statement));
  return lockedRows(returning(limited(recordset(text))));
}

/**
 * Rewrites a change of one of two joined tables, because PostgreSQL names only the other table in FROM or USING. Also rewrites a
 * table that is made from a SELECT.
 */
function joining(text: string): string {
  const made = text.replace(/^SELECT (.*)\nINTO (#\w+) FROM/s, "CREATE TEMP TABLE $2 AS SELECT $1 FROM");
  const [grouped, set, from, on = ""] =
    /^UPDATE k SET (.*?)\s+FROM (.*) JOIN error_group AS k ON (.*)$/s.exec(text) ?? [];
  if (grouped !== undefined)
    return `UPDATE error_group AS k SET ${set} FROM ${from} WHERE ${on.replace(/\sWHERE /, " AND ")}`;
  const [whole, what, sets, staged, table, rest] =
    /^(UPDATE s SET|UPDATE t SET|DELETE t)(.*)\nFROM (#\w+ AS s) JOIN (\S+ AS t)(?: WITH \(UPDLOCK, HOLDLOCK\))? ON (.*)$/s.exec(
      text,
    ) ?? [];
  if (whole === undefined) return made;
  const where = (rest as string).replace(" WHERE ", " AND ");
  if (what === "DELETE t") return `DELETE FROM ${table} USING ${staged} WHERE ${where}`;
  const [changed, other] = what === "UPDATE s SET" ? [staged, table] : [table, staged];
  return `UPDATE ${changed} SET${sets} FROM ${other} WHERE ${where}`;
}

/** Rewrites a SELECT that locks rows and skips locked ones: the hint of its table becomes the end of the statement. */
function lockedRows(text: string): string {
  const [hint, of] =
    / AS (\w+) WITH \((?:UPDLOCK, ROWLOCK, READCOMMITTEDLOCK, READPAST|READCOMMITTEDLOCK, READPAST, UPDLOCK, ROWLOCK)\)/.exec(
      text,
    ) ?? [];
  return hint ? `${text.replace(hint, ` AS ${of}`)} FOR UPDATE OF ${of} SKIP LOCKED` : text;
}

/** Rewrites OPENJSON with the columns that it reads: `name TYPE '$.property'`. */
const recordset = (text: string): string =>
  text.replaceAll(/OPENJSON\((@\w+)\) WITH \((.*?'\$\.\w+')\) AS j/g, (_all, list: string, columns: string) => {
    const read = [...columns.matchAll(/(\w+) (\w+(?:\(\w+\))?) '\$\.(\w+)'/g)];
    const names = read.map(([, name, , property]) => `x."${property}" AS ${name}`);
    const types = read.map(([, , type, property]) => `"${property}" ${typeOf(type as string)}`);
    return `(SELECT ${names.join(", ")} FROM jsonb_to_recordset(${list}::jsonb) AS x(${types.join(", ")})) AS j`;
  });

/**
 * Rewrites each TOP as the LIMIT of its own SELECT. It begins with the last one, which is the innermost, or stands beside the
 * earlier ones.
 */
function limited(text: string): string {
  const at = text.lastIndexOf("SELECT TOP (");
  if (at === -1) return text;
  const open = at + "SELECT TOP (".length;
  const close = endOf(text, open);
  const end = endOf(text, close + 1);
  const select = `SELECT${text.slice(close + 1, end)} LIMIT ${text.slice(open, close)}`;
  return limited(text.slice(0, at) + select + text.slice(end));
}

/** The position of the bracket that closes the level of `from`, or the end. */
function endOf(text: string, from: number): number {
  for (let at = from, depth = 0; at < text.length; at++) {
    if (text[at] === "(") depth++;
    if (text[at] === ")" && depth-- === 0) return at;
  }
  return text.length;
}

function returning(text: string): string {
  const [output, columns = "", into] = /OUTPUT ([\w., ]+?)\s+INTO (@\w+)/.exec(text) ?? [];
  if (output === undefined) return text;
  const [, table] = /^(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)/.exec(text) ?? [];
  const list = columns.replaceAll(/(?:inserted|deleted)\./g, `${table}.`);
  return `WITH given AS (${text.replace(output, "")} RETURNING ${list}) INSERT INTO ${into} SELECT * FROM given`;
}
