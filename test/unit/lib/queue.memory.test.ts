import { loadConfig } from "../../../config/config.ts";
import { queueSuite, stopNodes } from "../../integration/amqp/queue.suite.ts";

afterEach(stopNodes);
queueSuite(() => loadConfig({ LOG_LEVEL: "fatal" }));
