"""Prints a line per event of DataFlow: `AMQP_URL=… python3 consume.py 'batch.*'`. Needs `pip install pika`.

What was not acked comes again at the next start.
"""

import json
import os
import sys

import pika

URL = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672/%2F")
EXCHANGE = os.environ.get("EVENTS_EXCHANGE", "dataflow.events")
QUEUE = os.environ.get("QUEUE", "example.events")
PATTERN = sys.argv[1] if len(sys.argv) > 1 else "#"

# At least once, so an event may come twice. A real consumer keeps this in its database, in the commit of its own work.
seen: set[str] = set()


def on_message(channel, method, _properties, body) -> None:
    event = json.loads(body)
    if event["id"] not in seen:
        print(event["type"], event["subject"], json.dumps(event["data"]), flush=True)
    seen.add(event["id"])
    channel.basic_ack(method.delivery_tag)


def main() -> None:
    connection = pika.BlockingConnection(pika.URLParameters(URL))
    channel = connection.channel()
    # Durable: it collects what happens while this program is away.
    channel.queue_declare(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
    channel.queue_bind(QUEUE, EXCHANGE, PATTERN)
    channel.basic_qos(prefetch_count=10)
    channel.basic_consume(QUEUE, on_message)
    print(f"Listening for {PATTERN} …", file=sys.stderr)
    try:
        channel.start_consuming()
    except KeyboardInterrupt:
        connection.close()


if __name__ == "__main__":
    main()
