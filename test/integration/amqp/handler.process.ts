/**
 * A handler as a company runs it: a plain Moleculer node in a process of its own. It reports each chunk to its parent and answers
 * it, or with `hang` never does. The parent may change that.
 */
import { type Context, ServiceBroker } from "moleculer";
import type { HandlerCall } from "../../../services/batchProcessor/batchProcessor.contract.ts";

const [, , url = "", namespace = "", nodeID = "", first] = process.argv;
let mode = first;
process.on("message", (next) => {
  mode = String(next);
  process.send?.("changed");
});
const broker = new ServiceBroker({ namespace, nodeID, transporter: { type: "AMQP", options: { url } }, logger: false });
broker.createService({
  name: "twin",
  actions: {
    run: {
      importHandler: true,
      handler({ params: { batchId, chunk } }: Context<HandlerCall>) {
        process.send?.({ nodeID, batchId, chunk });
        return mode === "hang" ? new Promise(() => {}) : null;
      },
    } as never,
  },
});
void broker.start().then(() => process.send?.("ready"));
process.once("disconnect", () => void broker.stop().finally(() => process.exit(0)));
