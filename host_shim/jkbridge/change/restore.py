"""Which settings of a backup may go to a pack, and which never do."""

from __future__ import annotations

from dataclasses import dataclass, field

from jkbridge.change.errors import ChangeError
from jkbridge.change.facts import Facts, differences, raw
from jkcore.fields import codes, table
from jkcore.writes import bounds, limits


@dataclass
class Choice:
    """items: (field, value) to be set; left: (field, why) that differ and are left alone."""

    items: list[tuple[str, str]] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)


def choose(wanted: Facts, now: Facts) -> Choice:
    """What of a backup differs from what a pack is set to now. ChangeError when it is for another kind of battery.

    Dangerous fields are never restored: address, cell count, capacity, protocols and ports, and all the others that
    need a confirmation word. What cannot be changed is not either.
    """
    _same_kind(wanted, now)
    choice = Choice()
    for r in differences(wanted, now):
        name = table.name(r)
        limit = limits.of(r)
        if limit is None:
            choice.left.append((name, "cannot be changed"))
        elif limit.tier == codes.DANGEROUS:
            choice.left.append((name, "dangerous: never restored"))
        elif now.value(name) is None or wanted.value(name) is None:
            choice.left.append((name, f"not known to {'this pack' if now.value(name) is None else 'the backup'}"))
        else:
            choice.items.append((name, str(limits.told(r, raw(r, wanted.value(name))))))
    cells = [name for name, _ in choice.items if limits.of(limits.find(name)).bound == codes.CELL_VOLTAGE]
    if cells and wanted.chemistry is None:
        raise ChangeError(
            "The backup does not say what chemistry its pack has, and cell voltages differ: set `chemistry` of that "
            "pack in the configuration and make the backup again."
        )
    return choice


def _same_kind(wanted: Facts, now: Facts) -> None:
    if wanted.chemistry and now.chemistry and wanted.chemistry != now.chemistry:
        raise ChangeError(
            f"The backup is of {wanted.chemistry} cells, pack {now.pack} has {now.chemistry}: nothing is restored."
        )
    counts = wanted.value("cell_count"), now.value("cell_count")
    if None in counts or counts[0] != counts[1]:
        raise ChangeError(
            f"The backup is of a pack with {counts[0]} cells, pack {now.pack} has {counts[1]}: nothing is restored."
        )
    models = [str(facts.about.get("model") or "") for facts in (wanted, now)]
    if models[0] != models[1] or not models[0]:
        ratings = [_ratings(facts) for facts in (wanted, now)]
        if ratings[0] != ratings[1] or None in ratings[0]:
            raise ChangeError(
                f"The backup is of model {models[0] or '?'}, pack {now.pack} is {models[1] or '?'}, and they are not "
                "known to have the same ratings: nothing is restored."
            )


def _ratings(facts: Facts) -> list[int | None]:
    model = bounds.model_of(facts.reading())
    return [bounds.rating_of(model, bound) for bound in (codes.CURRENT_LIMIT, codes.BALANCE_LIMIT)]
