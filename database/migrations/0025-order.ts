/**
 * Tables for batches that must run one after another: lanes, and the places of batches in a lane. Nodes of the previous
 * release assign no places, so their uploads keep no order.
 */
import type { Table } from "../dialect.ts";
import { createTable, type Migration } from "./ddl.ts";

const tables: Table[] = [
  {
    name: "order_lane",
    columns: { client_id: "bigint", lane: "name", places: "bigint" },
    primaryKey: ["client_id", "lane"],
  },
  {
    name: "order_place",
    columns: { client_id: "bigint", lane: "name", place: "bigint", batch_id: "bigint" },
    primaryKey: ["client_id", "lane", "place"],
    unique: [["batch_id"]],
  },
];

export const order: Migration = {
  name: "0025-order",
  async up({ ddl, query }) {
    for (const table of tables) for (const statement of createTable(table, ddl)) await query(statement);
  },
};
