/** Reads of the models whose values are parameters: Sequelize writes them into the text, which SQL Server then plans anew each time. */
import { DataTypes, type Model, type ModelStatic, QueryTypes, type Sequelize, type Transaction } from "sequelize";
import { isUuid } from "./text.ts";
import { brokenLinkOf } from "./verified.ts";

/** What a row has to be, by attribute: a value, or at least a number. */
type Wanted<M extends Model> = { [Name in keyof M["_attributes"]]?: string | number | { atLeast: number } };

interface Which<M extends Model> {
  /** Of the rows that are like this the one with the greatest value there. */
  greatest?: keyof M["_attributes"] & string;
  transaction?: Transaction;
}

/** Where an id is asked for that is none, there is no row. Throws BrokenLink for rows that are not as they were asked for. */
export async function rowsLike<M extends Model>(
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
    { bind: bound(wanted), type: QueryTypes.SELECT, transaction: transaction ?? null },
  );
  if (!rows.every((row) => isLike(row, wanted))) throw brokenLinkOf(sequelize);
  return model.bulkBuild(rows as never, { isNewRecord: false, raw: true });
}

function nameOf<M extends Model>(model: ModelStatic<M>): string {
  const told = model.getTableName();
  if (typeof told === "string") return `"${told}"`;
  const { schema, tableName } = told as unknown as { schema: string; tableName: string };
  return `"${schema}"."${tableName}"`;
}

/** Whole numbers: a fraction would make SQL Server convert the column, and no index serves. */
const bound = (wanted: object): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(wanted).map(([name, value]) => [
      name,
      typeof value === "object" ? Math.floor(value.atLeast) : value,
    ]),
  );

const isLike = (row: object, wanted: object): boolean =>
  Object.entries(bound(wanted)).every(([name, value]) => {
    const own = (row as Record<string, unknown>)[name];
    const isLeast = typeof wanted[name as keyof typeof wanted] === "object";
    return isLeast ? Number(own) >= Number(value) : String(own) === String(value);
  });
