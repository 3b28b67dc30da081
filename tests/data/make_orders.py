#!/usr/bin/env python3
"""Writes the order events that the binary carries for `fanfare demo`: 1,000 of an imaginary shop, a message a line.

    python3 tests/data/make_orders.py > crates/cli/data/orders.jsonl

The same bytes every time. A message's data is the event as JSON; what a subscriber may want to filter by is in its attributes too, the total as a
number; the ordering key is the customer, the correlation ID the order. `requests.py` makes requests of PublishStream of it.
"""

import datetime
import json
import random
import sys

EVENTS = 1_000
CUSTOMERS = 60
FIRST = datetime.datetime(2026, 3, 2, 8, 0, tzinfo=datetime.timezone.utc)

# What an order goes through, and how often in a hundred.
LIVES = [
    (62, ["created", "paid", "shipped", "delivered"]),
    (14, ["created", "cancelled"]),
    (10, ["created", "payment_failed", "paid", "shipped", "delivered"]),
    (8, ["created", "paid", "shipped", "delivered", "refunded"]),
    (6, ["created", "paid", "cancelled", "refunded"]),
]
GOODS = [
    ("SKU-1001", "Espresso beans, 1 kg", 1890), ("SKU-1002", "Filter papers, 100", 490),
    ("SKU-1003", "Hand grinder", 7900), ("SKU-1004", "Kettle, gooseneck", 5450), ("SKU-1005", "Scale, 0.1 g", 3200),
    ("SKU-1006", "Tasse, groß", 1250), ("SKU-1007", "Café filtre, 250 g", 1090), ("SKU-1008", "Gift card", 2500),
]
COUNTRIES = ["AT", "CH", "DE", "DE", "DE", "FR", "NL", "PL"]


def new_order(chance, number):
    """A customer's order, with what will become of it."""
    goods = chance.sample(GOODS, chance.randint(1, 4))
    items = [{"sku": sku, "name": name, "quantity": chance.randint(1, 3), "unit_price_cents": price} for sku, name, price in goods]
    life = chance.choices([life for _, life in LIVES], [weight for weight, _ in LIVES])[0]
    return {
        "order": f"ord-{number:05}",
        "customer": f"cust-{chance.randint(1, CUSTOMERS):03}",
        "country": chance.choice(COUNTRIES),
        "items": items,
        "total_cents": sum(item["quantity"] * item["unit_price_cents"] for item in items),
        "life": list(life),
    }


def event_of(order, number, when):
    """The next event of an order's life."""
    kind = order["life"].pop(0)
    event = {
        "id": f"evt-{number:05}", "type": f"order.{kind}", "time": when.isoformat(timespec="milliseconds"),
        "order": order["order"], "customer": order["customer"], "currency": "EUR", "total_cents": order["total_cents"],
    }
    return event | ({"items": order["items"]} if kind == "created" else {})


def message_of(event, country):
    """One line of the file."""
    return {
        "json": event,
        "attributes": {"type": event["type"], "country": country, "total": event["total_cents"] / 100},
        "ordering_key": event["customer"],
        "deduplication_id": event["id"],
        "correlation_id": event["order"],
        "content_type": "application/json",
    }


def main():
    sys.stdout.reconfigure(encoding="utf-8")
    chance, orders, when = random.Random(4711), [], FIRST
    created = 0
    for number in range(1, EVENTS + 1):
        if len(orders) < 5 or chance.random() < 0.27:
            created += 1
            orders.append(new_order(chance, created))
        # Of two orders of one customer, the events mix, as they do.
        order = chance.choice(orders[-40:])
        when += datetime.timedelta(milliseconds=chance.randint(200, 90_000))
        message = message_of(event_of(order, number, when), order["country"])
        print(json.dumps(message, ensure_ascii=False, separators=(",", ":")))
        if not order["life"]:
            orders.remove(order)


if __name__ == "__main__":
    main()
