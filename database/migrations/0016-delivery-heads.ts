/** An index to find each client's longest due delivery, however many deliveries of other clients wait. */
import { indexStep } from "./ddl.ts";

export const deliveryHeads = indexStep("0016-delivery-heads", {
  name: "delivery_head_ix",
  table: "delivery",
  columns: ["client_id", "due_at", "id"],
  where: '"due_at" IS NOT NULL',
});
