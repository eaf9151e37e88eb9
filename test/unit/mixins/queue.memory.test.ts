import { loadConfig } from "../../../config.ts";
import { queueSuite } from "../../integration/amqp/queue.suite.ts";

queueSuite(() => loadConfig({ LOG_LEVEL: "fatal" }));
