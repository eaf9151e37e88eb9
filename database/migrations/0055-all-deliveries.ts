/** An index that lists the deliveries of all clients by state and event, ordered by time. */
import { indexStep } from "./ddl.ts";

export const allDeliveries = indexStep("0055-all-deliveries", {
  name: "delivery_list_ix",
  table: "delivery",
  columns: ["state", "event", "created_at", "id"],
});
