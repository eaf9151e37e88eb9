/** An index that finds each client's longest due delivery without reading the deliveries of other clients. */
import { indexStep } from "./ddl.ts";

export const deliveryHeads = indexStep("0016-delivery-heads", {
  name: "delivery_head_ix",
  table: "delivery",
  columns: ["client_id", "due_at", "id"],
  where: '"due_at" IS NOT NULL',
});
