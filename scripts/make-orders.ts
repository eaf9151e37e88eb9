/** `node scripts/make-orders.ts [FILE]` makes examples/orders.csv (or FILE) again: the same bytes each time. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../root.cjs";
import { makeOrders } from "./make-orders-file.ts";

const file = process.argv[2] ?? join(root, "examples/orders.csv");
const { csv, received, rejected } = makeOrders();
writeFileSync(file, csv);
console.log(`${file}: ${received} orders, ${rejected} of them wrong on purpose.`);
