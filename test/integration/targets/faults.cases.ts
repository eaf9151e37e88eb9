/** Rows that a table refuses, and the errors that report them. */
import type { TablePlan } from "../../../database/targets/target.ts";
import type { Rec } from "./delivery.kit.ts";

/** The name, the statements that prepare the table, the plan, the records, the errors, and the keys of the rows afterwards. */
type Case = [string, string[], Partial<TablePlan>, Rec[], [number, string, string][], number[]];

/** The statements that give the table a trigger with this body. */
export const trigger = (when: string, body: string) => [
  `CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body} END $$`,
  `CREATE TRIGGER told ${when} ON orders FOR EACH ROW EXECUTE FUNCTION told()`,
];

export const cases: Case[] = [
  ["a foreign key", [], {}, [{ no: 1, customer: 9 }, { no: 2 }], [[1, "reference", "customer"]], [2]],
  ["a CHECK", [], {}, [{ no: 1, amount: -1 }, { no: 2 }], [[1, "constraint", "amount"]], [2]],
  [
    "a column that nothing fills",
    ["ALTER TABLE orders ADD own int NOT NULL"],
    {},
    [{ no: 1 }],
    [[1, "required", ""]],
    [],
  ],
  [
    "another unique column, also within the chunk",
    ["ALTER TABLE orders ADD UNIQUE (email)", "INSERT INTO orders (no, email) VALUES (1, 'a')"],
    {},
    [
      { no: 2, email: "a" },
      { no: 1, email: "b" },
      { no: 3, email: "a" },
      { no: 4, email: "a" },
    ],
    [
      [1, "conflict", "email"],
      [4, "conflict", "email"],
    ],
    [1, 3],
  ],
  [
    "a unique index that is no constraint",
    ["CREATE UNIQUE INDEX by_email ON orders (email)", "INSERT INTO orders (no, email) VALUES (1, 'a')"],
    {},
    [{ no: 2, email: "a" }],
    [[1, "conflict", "email"]],
    [1],
  ],
  [
    "a CHECK of a domain",
    ["CREATE DOMAIN told AS text CHECK (VALUE ~ '@')", "ALTER TABLE orders ALTER email TYPE told"],
    {},
    [{ no: 1, email: "a" }, { no: 2 }],
    [[1, "constraint", "email"]],
    [2],
  ],
  [
    "a trigger that raises",
    trigger("BEFORE INSERT", "IF NEW.city = 'x' THEN RAISE 'secret %', NEW.city; END IF; RETURN NEW;"),
    {},
    [{ no: 1, city: "x" }, { no: 2 }],
    [[1, "constraint", ""]],
    [2],
  ],
  [
    "a trigger whose CASE has no branch",
    trigger("BEFORE INSERT", "CASE NEW.city WHEN 'Lisboa' THEN NULL; END CASE; RETURN NEW;"),
    {},
    [{ no: 1, city: "x" }, { no: 2 }],
    [[1, "constraint", ""]],
    [2],
  ],
  [
    "a trigger that ends without RETURN",
    trigger("BEFORE INSERT", "IF NEW.city = 'Lisboa' THEN RETURN NEW; END IF;"),
    {},
    [{ no: 1, city: "x" }, { no: 2 }],
    [[1, "constraint", ""]],
    [2],
  ],
  [
    "a trigger that swallows the row: what it did instead is undone",
    trigger(
      "BEFORE INSERT",
      "IF NEW.city = 'x' THEN INSERT INTO customers VALUES (77); RETURN NULL; END IF; RETURN NEW;",
    ),
    {},
    [{ no: 1, city: "x" }, { no: 2 }],
    [[1, "constraint", ""]],
    [2],
  ],
  [
    "an exclusion constraint",
    [
      "ALTER TABLE orders ADD CONSTRAINT apart EXCLUDE USING gist (int4range(customer, customer + 1) WITH &&) WHERE (customer > 0)",
    ],
    { mode: "insert" },
    [{ no: 1, customer: 1 }, { no: 2, customer: 1 }, { no: 3 }],
    [[2, "conflict", ""]],
    [1, 3],
  ],
  [
    "a deferred constraint is judged with its row",
    [
      "ALTER TABLE orders DROP CONSTRAINT fk_customer",
      "ALTER TABLE orders ADD FOREIGN KEY (customer) REFERENCES customers DEFERRABLE INITIALLY DEFERRED",
    ],
    {},
    [
      { no: 1, customer: 9 },
      { no: 2, customer: 1 },
    ],
    [[1, "reference", "customer"]],
    [2],
  ],
  [
    "a reference to a row of the same table that comes later",
    [
      "ALTER TABLE orders DROP CONSTRAINT fk_customer",
      "ALTER TABLE orders ADD FOREIGN KEY (customer) REFERENCES orders",
    ],
    {},
    [{ no: 1, customer: 2 }, { no: 2 }, { no: 3, customer: 2 }],
    [[1, "reference", "customer"]],
    [2, 3],
  ],
  [
    "a row that others refer to",
    [
      "INSERT INTO orders (no) VALUES (1), (2)",
      "CREATE TABLE lines (no int REFERENCES orders)",
      "INSERT INTO lines VALUES (1)",
    ],
    { mode: "delete" },
    [{ no: 1 }, { no: 2 }],
    [[1, "reference", ""]],
    [1],
  ],
  [
    "a text that is too long for an index",
    ["CREATE INDEX ON orders (city)"],
    {},
    [{ no: 1, city: randomText(9_000) }, { no: 2 }],
    [[1, "maxLength", ""]],
    [2],
  ],
];

/** A text that hardly compresses. */
function randomText(length: number): string {
  let seed = 7;
  const next = () => {
    seed = (seed * 48_271) % 0x7fff_ffff;
    return String.fromCharCode(0x4e00 + (seed % 20_000));
  };
  return Array.from({ length }, next).join("");
}
