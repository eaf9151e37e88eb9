/**
 * The data of the showcase: partners, what they send, and rows with the mistakes that people make. Every run makes the same data.
 */

/** Numbers that look random and are the same in each run (mulberry32). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

const PLACES = [
  "North",
  "Harbour",
  "Old Town",
  "River",
  "Summit",
  "Coastal",
  "Meridian",
  "Lakeside",
  "Iron Bridge",
  "Union",
];
const TRADES = ["Foods", "Optics", "Bikes", "Pharmacy"];

export interface Partner {
  identifier: string;
  name: string;
  /** The partner's share of all uploads. */
  share: number;
  /** The share of its records that is wrong. */
  faulty: number;
}

/** The 40 partners. A few send most uploads, and a few send most wrong records. */
export const partners: Partner[] = PLACES.flatMap((place, p) =>
  TRADES.map((trade, t) => {
    const name = `${place} ${trade}`;
    return {
      identifier: name.toLowerCase().replaceAll(" ", "-"),
      name,
      share: 1 / (1 + ((p * 7 + t * 3) % 40)),
      faulty: (p + t) % 7 === 0 ? 0.12 : (p * t) % 5 === 1 ? 0.01 : 0,
    };
  }),
);

const money = { type: "number", exclusiveMinimum: 0 };

/** The datasets, as `PUT /admin/datasets/{name}` takes them. */
export const datasets: Record<string, Record<string, unknown>> = {
  orders: {
    description: "Orders of the day, a row each, with a header.",
    formats: ["csv"],
    schema: {
      type: "object",
      required: ["id", "amount", "email"],
      properties: {
        id: { type: "string", minLength: 1, maxLength: 20 },
        amount: money,
        currency: { enum: ["EUR", "USD", "GBP"] },
        email: { type: "string", format: "email" },
        ordered: { type: "string", format: "date" },
      },
    },
    read: {},
  },
  stock: {
    description: "Stock of all articles, as NDJSON.",
    formats: ["ndjson", "json"],
    schema: {
      type: "object",
      required: ["sku", "count"],
      properties: { sku: { type: "string", pattern: "^[A-Z]{3}-[0-9]{4}$" }, count: { type: "integer", minimum: 0 } },
      additionalProperties: false,
    },
  },
  invoices: {
    description: "Invoices. More than 50 faults fail the whole file.",
    formats: ["csv"],
    maxErrors: 50,
    schema: {
      type: "object",
      required: ["number", "total"],
      properties: { number: { type: "string" }, total: money, due: { type: "string", format: "date" } },
    },
    read: {},
  },
};

const pick = <T>(next: () => number, values: T[]): T => values[Math.floor(next() * values.length)] as T;
const day = (next: () => number) => `2026-11-${String(1 + Math.floor(next() * 28)).padStart(2, "0")}`;

/** Makes bodies, by dataset: their media type, and a text of `rows` records, a share of which is wrong. */
export const bodies: Record<string, { type: string; make(next: () => number, rows: number, faulty: number): string }> =
  {
    orders: {
      type: "text/csv",
      make(next, rows, faulty) {
        const lines = ["id,amount,currency,email,ordered"];
        for (let row = 0; row < rows; row++) {
          const fault = next() < faulty ? Math.floor(next() * 5) : -1;
          const amount = fault === 0 ? `-${(next() * 90).toFixed(2)}` : (1 + next() * 900).toFixed(2);
          const currency = fault === 1 ? "EURO" : pick(next, ["EUR", "USD", "GBP"]);
          const email = fault === 2 ? "anna.at.example.com" : `anna${Math.floor(next() * 1e6)}@example.com`;
          const ordered = fault === 3 ? "31.11.2026" : day(next);
          const id = fault === 4 ? "" : `SO-${100000 + Math.floor(next() * 9e5)}`;
          lines.push(`${id},${amount},${currency},${email},${ordered}`);
        }
        return `${lines.join("\n")}\n`;
      },
    },
    stock: {
      type: "application/x-ndjson",
      make(next, rows, faulty) {
        const lines: string[] = [];
        for (let row = 0; row < rows; row++) {
          const fault = next() < faulty ? Math.floor(next() * 3) : -1;
          const sku = `${fault === 0 ? "x" : "ABC"}-${String(Math.floor(next() * 1e4)).padStart(4, "0")}`;
          const count = fault === 1 ? -1 : Math.floor(next() * 500);
          lines.push(JSON.stringify({ sku, count, ...(fault === 2 && { note: "moved to hall 3" }) }));
        }
        return `${lines.join("\n")}\n`;
      },
    },
    invoices: {
      type: "text/csv",
      make(next, rows, faulty) {
        const lines = ["number,total,due"];
        for (let row = 0; row < rows; row++) {
          const isFaulty = next() < faulty;
          lines.push(
            `INV-${Math.floor(next() * 1e6)},${isFaulty ? "n/a" : (next() * 2000 + 1).toFixed(2)},${day(next)}`,
          );
        }
        return `${lines.join("\n")}\n`;
      },
    },
  };
