/**
 * `node scripts/make-orders.ts [FILE]` writes examples/orders.csv (or FILE): 10,000 orders as a shop would export them. Some are
 * wrong on purpose. The bytes are the same each time.
 */
import { writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { root } from "../root.cjs";
import { csvLine, type Fault, faultsInTurn, type Row } from "./make-orders-faults.ts";
import { Chance } from "./make-orders-random.ts";
import { articles, type Country, countries, notes } from "./make-orders-shop.ts";

const HEADER = "order_id,order_date,customer_name,email,country,sku,quantity,unit_price,currency,note";
const ORDERS = 10_000;
const SEED = 20_250_401;
const FIRST_DAY = Date.UTC(2025, 0, 2);
const DAYS = 88;
const DAY_MS = 86_400_000;

export interface Orders {
  csv: string;
  received: number;
  rejected: number;
}

export function makeOrders(): Orders {
  const chance = new Chance(SEED);
  const wrong = wrongPlaces(chance);
  const lines = Array.from({ length: ORDERS }, (_, index) => {
    const row = order(chance, index);
    return wrong.get(index)?.(row) ?? csvLine(row);
  });
  return { csv: `${HEADER}\n${lines.join("\n")}\n`, received: ORDERS, rejected: wrong.size };
}

/** The places of the wrong rows. They are scattered over the file; the first few show several kinds of faults. */
function wrongPlaces(chance: Chance): Map<number, Fault> {
  const faults = faultsInTurn();
  const step = Math.floor(ORDERS / faults.length);
  return new Map(faults.map((fault, turn) => [turn * step + chance.below(step), fault]));
}

function order(chance: Chance, index: number): Row {
  const country = chance.byWeight(countries, ({ weight }) => weight);
  const article = chance.byWeight(articles, ({ weight }) => weight);
  const day = new Date(FIRST_DAY + Math.floor((index / ORDERS) * DAYS) * DAY_MS);
  return [
    `SO-${100_000 + index * 3 + chance.below(3)}`,
    day.toISOString().slice(0, 10),
    ...customer(chance, country),
    country.code,
    article.sku,
    String(1 + Math.floor(chance.next() ** 6 * 12)),
    (article.euros * country.rate).toFixed(country.decimals),
    country.currency,
    chance.byWeight(notesFrom(country), ({ weight }) => weight).text,
  ];
}

const notesFrom = ({ code }: Country) => notes.filter(({ countries }) => countries?.includes(code) ?? true);

/** A person as "Family, Given" or "Given Family", or a company; and the e-mail address. */
function customer(chance: Chance, country: Country): [name: string, email: string] {
  const domain = chance.of(country.mailDomains);
  if (chance.next() < 0.1) return [chance.of(country.companies), `office${chance.below(900)}@${domain}`];
  const given = chance.of(country.givenNames);
  const family = chance.of(country.familyNames);
  const name = chance.next() < 0.3 ? `${family}, ${given}` : `${given} ${family}`;
  const user = [plain(given), plain(family)].filter(Boolean).join(".") || "mail";
  return [name, `${user}${chance.below(90) + 10}@${domain}`];
}

/** A name as an address may have it: without accents and other letters beyond ASCII. */
const plain = (name: string): string =>
  name
    .replaceAll("ß", "ss")
    .replaceAll("ł", "l")
    .replaceAll("Ł", "L")
    .normalize("NFD")
    .replaceAll(/[^A-Za-z]/g, "")
    .toLowerCase();

// Tests import this file and call makeOrders themselves.
if (basename(process.argv[1] ?? "") === "make-orders.ts") {
  const file = process.argv[2] ?? join(root, "examples/orders.csv");
  const { csv, received, rejected } = makeOrders();
  writeFileSync(file, csv);
  console.log(`${file}: ${received} orders, ${rejected} of them wrong on purpose.`);
}
