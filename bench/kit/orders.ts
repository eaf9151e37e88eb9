/** Orders of about 200 bytes of JSON. They are the same in every run. */

/** A schema as a partner would write it: a few types, a limit, an enum, a format. */
export const orderSchema = {
  type: "object",
  required: ["id", "customer", "sku", "quantity", "price"],
  properties: {
    id: { type: "integer", minimum: 1 },
    customer: { type: "string", maxLength: 100 },
    sku: { type: "string" },
    quantity: { type: "integer", minimum: 1 },
    price: { type: "number", minimum: 0 },
    currency: { enum: ["EUR", "USD", "GBP"] },
    placedAt: { type: "string", format: "date-time" },
    note: { type: "string" },
  },
};

const currencies = ["EUR", "USD", "GBP"];
const notes = [
  "leave it with the neighbour at number 7",
  "please ring, the bell is on the left",
  "no note was given here",
];

export interface Order {
  id: number;
  customer: string;
  sku: string;
  quantity: number;
  price: number;
  currency: string;
  placedAt: string;
  note: string;
}

export function order(n: number): Order {
  return {
    id: n,
    customer: `customer-${String((n * 7919) % 100_000).padStart(6, "0")}`,
    sku: `SKU-${String((n * 104_729) % 1_000_000).padStart(7, "0")}`,
    quantity: 1 + (n % 12),
    price: ((n * 31) % 100_000) / 100,
    currency: currencies[n % 3] as string,
    placedAt: new Date(1_760_000_000_000 + n * 1000).toISOString(),
    // One note in three has a comma, so that a third of these CSV cells are quoted, as in real files.
    note: notes[n % 3] as string,
  };
}

export const orderJson = (n: number): string => JSON.stringify(order(n));

const cell = (value: string | number): string => (String(value).includes(",") ? `"${value}"` : String(value));
export const orderCsv = (n: number): string => Object.values(order(n)).map(cell).join(",");
export const csvHeader = Object.keys(order(1)).join(",");

/** The policy's `read` for the same orders as a German shop exports them. */
export const germanRead = {
  trim: true,
  fields: {
    id: { titles: ["Bestellnr."] },
    customer: { titles: ["Kunde"] },
    quantity: { titles: ["Menge"] },
    price: { titles: ["Preis"], decimalChar: ",", groupChar: "." },
    currency: { titles: ["Währung"] },
    placedAt: { titles: ["Bestellt am"], format: ["%d.%m.%Y %H:%M:%S", "%Y-%m-%d"] },
    note: { titles: ["Bemerkung"] },
  },
};

export function germanBody(count: number): Buffer {
  const lines = Array.from({ length: count }, (_, i) => {
    const { id, customer, sku, quantity, price, currency, placedAt, note } = order(i + 1);
    const [, year, month, day, time] = /^(\d+)-(\d+)-(\d+)T([\d:]+)/.exec(placedAt) ?? [];
    const cells = [
      id,
      customer,
      sku,
      quantity,
      price.toFixed(2).replace(".", ","),
      currency,
      `${day}.${month}.${year} ${time}`,
    ];
    return `${cells.join(";")};${note} `;
  });
  return Buffer.from(`Bestellnr.;Kunde;SKU;Menge;Preis;Währung;Bestellt am;Bemerkung\n${lines.join("\n")}\n`);
}

export type BodyFormat = "ndjson" | "csv" | "json";

const lineOf = { csv: orderCsv, ndjson: orderJson };

/** The body of orders 1 to `count`. */
export function ordersBody(format: "ndjson" | "csv", count: number, line = lineOf[format]): Buffer {
  const lines = Array.from({ length: count }, (_, i) => line(i + 1));
  return Buffer.from(`${(format === "csv" ? [csvHeader, ...lines] : lines).join("\n")}\n`);
}
