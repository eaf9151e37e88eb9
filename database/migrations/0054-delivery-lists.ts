/** An index that lists a client's deliveries by state and event, ordered by time. */
import { indexStep } from "./ddl.ts";

export const deliveryLists = indexStep("0054-delivery-lists", {
  name: "delivery_client_list_ix",
  table: "delivery",
  columns: ["client_id", "state", "event", "created_at", "id"],
});
