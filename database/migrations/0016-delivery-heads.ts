/** Of each client the delivery that is due for longest, however many wait before it that are others'. */
import { indexStep } from "./ddl.ts";

export const deliveryHeads = indexStep("0016-delivery-heads", {
  name: "delivery_head_ix",
  table: "delivery",
  columns: ["client_id", "due_at", "id"],
  where: '"due_at" IS NOT NULL',
});
