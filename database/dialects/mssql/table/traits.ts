/**
 * Traits of the company's table that its catalog tells and the plan lacks: its constraints by name, and whether the
 * order of rows matters.
 */
import { quotedTable } from "../../../targets/names.ts";
import { isOrdered } from "../../../targets/plan.ts";
import type { TablePlan, TargetTable } from "../../../targets/target.ts";
import type { Together } from "../together.ts";

export interface Traits {
  constraints: Map<string, Constraint>;
  /** Whether writing a whole chunk at once could have another result than writing its rows one by one. */
  isOrdered: boolean;
  /** Whether a column numbers the new rows in their order. */
  seesOrder: boolean;
}

interface Constraint {
  /** Whether the constraint is a foreign key: of this table, or of a table that refers to it. */
  isReference: boolean;
  /** The table's columns in the constraint. */
  columns: string[];
}

interface Raw {
  name: string;
  kind: "itself" | "reference" | "check" | "unique" | "counter";
  column: string | null;
}

/** A text as a literal of T-SQL. */
const literal = (text: string) => `N'${text.replaceAll("'", "''")}'`;

export const traitsText = (
  table: TargetTable,
): string => `DECLARE @table INT = OBJECT_ID(${literal(quotedTable(table))});
SELECT f.name AS "name", CASE WHEN f.parent_object_id = f.referenced_object_id THEN 'itself' ELSE 'reference' END AS "kind",
  CASE WHEN f.parent_object_id = @table THEN c.name END AS "column"
FROM sys.foreign_keys AS f JOIN sys.foreign_key_columns AS k ON k.constraint_object_id = f.object_id
JOIN sys.columns AS c ON c.object_id = k.parent_object_id AND c.column_id = k.parent_column_id
WHERE f.parent_object_id = @table OR f.referenced_object_id = @table
UNION ALL SELECT x.name, 'check', c.name FROM sys.check_constraints AS x
LEFT JOIN sys.columns AS c ON c.object_id = x.parent_object_id AND c.column_id = x.parent_column_id
WHERE x.parent_object_id = @table
UNION ALL SELECT i.name, 'unique', c.name FROM sys.indexes AS i
JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id AND k.key_ordinal > 0
JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id
WHERE i.object_id = @table AND i.is_unique = 1
UNION ALL SELECT c.name, 'counter', c.name FROM sys.columns AS c
WHERE c.object_id = @table AND (c.is_identity = 1 OR OBJECT_DEFINITION(c.default_object_id) LIKE '%NEXT VALUE FOR%');`;

/** The traits of tables, cached for as long as the plan is in use. */
const known = new WeakMap<TablePlan, Traits>();

export async function traitsOf(unit: Together, plan: TablePlan): Promise<Traits> {
  const found = known.get(plan) ?? read((await unit.run(traitsText(plan.table))).at(-1) as Raw[], plan);
  known.set(plan, found);
  return found;
}

function read(rows: Raw[], plan: TablePlan): Traits {
  const constraints = new Map<string, Constraint>();
  for (const { name, kind, column } of rows) {
    if (kind === "counter") continue;
    const isReference = kind === "itself" || kind === "reference";
    const one = constraints.get(name) ?? { isReference, columns: [] };
    if (column !== null) one.columns.push(column);
    constraints.set(name, one);
  }
  const unique = [
    ...Map.groupBy(
      rows.filter(({ kind }) => kind === "unique"),
      ({ name }) => name,
    ).values(),
  ];
  const rules = {
    refersToItself: rows.some(({ kind }) => kind === "itself"),
    unique: unique.map((of) => of.map(({ column }) => column)),
  };
  const seesOrder = rows.some(({ kind }) => kind === "counter");
  return { constraints, isOrdered: isOrdered(rules, plan), seesOrder };
}

/**
 * Which of `names` occurs in an error's text. The text is in the server's language, so only names in quotation marks
 * count. The first name in the text is taken, because values of the row come last.
 */
export function nameIn(text: string, names: Iterable<string>): string | null {
  const found = [...names].flatMap((name) => {
    const places = ['"', "'", "“", "«"].map((mark) => text.indexOf(mark + name)).filter((at) => at >= 0);
    const isWhole = (at: number) => /^["'”»]/.test(text.slice(at + 1 + name.length));
    return places.filter(isWhole).map((at) => ({ name, at }));
  });
  return found.sort((a, b) => a.at - b.at)[0]?.name ?? null;
}
