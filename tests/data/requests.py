#!/usr/bin/env python3
"""Makes requests of PublishStream, in proto3's JSON form, of a file with a message a line.

    python3 tests/data/requests.py TOPIC < crates/cli/data/orders.jsonl

The JSON becomes base64, as that form has bytes, and attributes that are numbers become typed ones.
"""

import base64
import json
import sys


def request_of(topic, message):
    """One request with one message."""
    data = json.dumps(message["json"], ensure_ascii=False, separators=(",", ":"))
    attributes = message["attributes"].items()
    numbers = {name: {"number": value} for name, value in attributes if not isinstance(value, str)}
    rest = {name: message[name] for name in ("ordering_key", "deduplication_id", "correlation_id", "content_type")}
    return {"topic": topic, "messages": [rest | {
        "data": base64.b64encode(data.encode()).decode(),
        "attributes": {name: value for name, value in attributes if isinstance(value, str)},
        "typed_attributes": numbers,
    }]}


def main():
    sys.stdin.reconfigure(encoding="utf-8")
    for line in sys.stdin:
        print(json.dumps(request_of(sys.argv[1], json.loads(line)), separators=(",", ":")))


if __name__ == "__main__":
    main()
