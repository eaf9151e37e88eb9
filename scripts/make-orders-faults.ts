/** Faults that real exports have. Each one makes a wrong line of a right row. */

export type Row = [
  orderId: string,
  orderDate: string,
  customerName: string,
  email: string,
  country: string,
  sku: string,
  quantity: string,
  unitPrice: string,
  currency: string,
  note: string,
];

export type Fault = (row: Row) => string;

export const csvLine = (cells: string[]): string => cells.map(csvCell).join(",");

const csvCell = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** A fault in one cell: it has another text. */
const cell =
  (index: number, change: (text: string) => string): Fault =>
  (row) =>
    csvLine(row.map((text, at) => (at === index ? change(text) : text)));

const text = (value: string) => () => value;
const plainNote = (row: Row, note: string) => [...row.slice(0, 9), note];

/** Each fault with the number of rows that have it. Every fault occurs once before one occurs again. */
export const faults: [Fault, number][] = [
  [cell(3, (email) => email.replace("@", "(at)")), 6],
  [cell(6, (quantity) => `-${quantity}`), 6],
  [cell(0, text("")), 5],
  // A comma in a name that nobody quoted.
  [(row) => csvLine([...row.slice(0, 2), "Kowalski", " Jan", ...row.slice(3, 9), ""]), 4],
  // Quotes that a person has typed.
  [(row) => `${csvLine(plainNote(row, "")).slice(0, -1)},"Ring twice at "Schmidt" please"`, 4],
  [cell(1, (date) => date.split("-").reverse().join(".")), 4],
  [cell(8, text("EURO")), 3],
  [cell(3, text("n/a")), 3],
  [cell(1, text("2025-02-30")), 2],
  [cell(6, text("two")), 3],
  [(row) => csvLine(row.slice(0, 7)), 3],
  [cell(7, (price) => `${Math.trunc(Number(price))},-`), 3],
  [cell(8, text("XBT")), 2],
  [cell(6, text("0")), 2],
  [cell(5, text("???")), 2],
  // A row with more than one fault.
  [(row) => csvLine(["", row[1], row[2], "unknown", "Germany", ...row.slice(5)]), 2],
];

/** The faults in the order of the file. */
export function faultsInTurn(): Fault[] {
  const most = Math.max(...faults.map(([, count]) => count));
  const rounds = Array.from({ length: most }, (_, round) => faults.filter(([, count]) => count > round));
  return rounds.flat().map(([fault]) => fault);
}
