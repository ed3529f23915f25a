"""Many changes for one pack, as commands that are short enough, in an order in which each is legal by itself."""

from __future__ import annotations

from jkbridge.change.facts import Facts
from jkbridge.change.order import Order, word
from jkbridge.change.proposal import assumed, check, whole
from jkcore.fields import table
from jkcore.writes import plan
from jkcore.writes.lock import ALL


def split(pack: str, items: list[tuple[str, str]], facts: Facts, confirmed: bool) -> list[Order]:
    """Orders that set all `items`, to be sent one after the other. CommandError when there is no legal way.

    The core's plan finds an order of single writes in which every step is legal; a group is some of its steps in a row.
    """
    confirm = word(pack) if confirmed else ""
    reading = facts.reading()
    steps = plan.make(whole(pack, items), reading, reading, ALL, facts.chemistry)
    texts = dict(items)
    orders: list[Order] = []
    for step in steps:  # fields of one register stay together
        more = [(table.name(r), texts[table.name(r)]) for r in step.rows]
        if orders:
            longer = Order(pack, orders[-1].items + more, confirm, orders[-1].id)
            if longer.fits():
                orders[-1] = longer
                continue
        orders.append(Order(pack, more, confirm))
    now = facts
    for order in orders:
        check(order, now)
        now = assumed(now, order.items)
    return orders
