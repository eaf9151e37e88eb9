/**
 * Reads of models with bound parameters. Sequelize's own find methods write the values into the SQL text, and SQL Server
 * would have to plan each text anew.
 */
import { DataTypes, type Model, type ModelStatic, QueryTypes, type Sequelize, type Transaction } from "sequelize";
import { isUuid } from "./rows.ts";
import { mismatchIn } from "./verified.ts";

/** The condition for each attribute: a value, or a least number. */
type Wanted<M extends Model> = { [Name in keyof M["_attributes"]]?: string | number | { atLeast: number } };

interface Which<M extends Model> {
  /** Answers only the matching row with the greatest value of this attribute. */
  greatest?: keyof M["_attributes"] & string;
  transaction?: Transaction;
}

/** The rows that match `wanted`. A malformed UUID matches no row. Throws MismatchedAnswer for rows that belong to another query. */
export async function rowsWhere<M extends Model>(
  model: ModelStatic<M>,
  wanted: Wanted<M>,
  { greatest, transaction }: Which<M> = {},
): Promise<M[]> {
  const attributes = model.getAttributes();
  const isId = (name: string) => attributes[name as keyof M["_attributes"]]?.type instanceof DataTypes.UUID;
  if (Object.entries(wanted).some(([name, value]) => isId(name) && !isUuid(value as string))) return [];
  const table = nameOf(model);
  const column = (name: string) => `"${attributes[name as keyof M["_attributes"]]?.field ?? name}"`;
  const conditions = Object.entries(wanted)
    .map(([name, value]) => `${column(name)} ${typeof value === "object" ? ">=" : "="} $${name}`)
    .join(" AND ");
  const isGreatest = greatest
    ? ` AND ${column(greatest)} = (SELECT MAX(${column(greatest)}) FROM ${table} WHERE ${conditions})`
    : "";
  const list = Object.keys(attributes).map((name) => `${column(name)} AS "${name}"`);
  const sequelize = model.sequelize as Sequelize;
  const rows = await sequelize.query<object>(
    `SELECT ${list.join(", ")} FROM ${table} WHERE ${conditions}${isGreatest}`,
    { bind: parametersOf(wanted), type: QueryTypes.SELECT, transaction: transaction ?? null },
  );
  if (!rows.every((row) => isLike(row, wanted))) throw mismatchIn(sequelize);
  // The columns were selected under the names of the attributes, so the rows have the model's shape.
  return model.bulkBuild(rows as never, { isNewRecord: false, raw: true });
}

function nameOf<M extends Model>(model: ModelStatic<M>): string {
  const told = model.getTableName();
  if (typeof told === "string") return `"${told}"`;
  const { schema, tableName } = told;
  return `"${schema}"."${tableName}"`;
}

/** The parameters by name. Numbers are whole: for a fraction SQL Server would convert the column, and could use no index. */
const parametersOf = (wanted: object): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(wanted).map(([name, value]) => [
      name,
      typeof value === "object" ? Math.floor(value.atLeast) : value,
    ]),
  );

const isLike = (row: object, wanted: object): boolean =>
  Object.entries(parametersOf(wanted)).every(([name, value]) => {
    const own = (row as Record<string, unknown>)[name];
    const isLeast = typeof wanted[name as keyof typeof wanted] === "object";
    return isLeast ? Number(own) >= Number(value) : String(own) === String(value);
  });
