"""Home Assistant discovery: one retained message per entity, so that memory stays bounded and a fault costs one entity.

Topic `<prefix>/<component>/<base>_<id>/<field>/config`, unique id `<base>_<id>_<field>` (kept for ever).
Payloads use the short keys all supported Home Assistant versions know.
A device loads this module and words.py while it announces, and forgets them when all has been told.
"""

from jkcore import pack as pk
from jkcore import words
from jkcore.fields import codes, table
from jkcore.outbox import ANNOUNCE, CLEAR, SWEEP
from jkcore.version import VERSION

_TOPICS = ("", "settings", "live", "about")  # by frame type
_MODEL = table.find("model", 3)
_HARDWARE = table.find("hardware_version", 3)
_SOFTWARE = table.find("software_version", 3)


class Discovery:
    """Writes the discovery message of one entity after another."""

    def __init__(self, prefix: str, base: str, interval: int, desk):
        """interval: seconds between live values; desk: takes the commands of the bridge, None without."""
        self._prefix = prefix
        self._base = base
        # A backstop only: availability says sooner that a value is old.
        expire = 3 * interval + 30
        self._expire = expire if expire > 60 else 60
        self._telling = None  # the pack being announced
        self._step = 0
        self._desk = desk
        self._offers = None  # offers.Offers, where something can be changed or could in an earlier run

    def begin_again(self, pack) -> None:
        """This pack has other fields than before: if it is being announced, start with the first entity again."""
        if self._telling is pack:
            self._step = 0

    def put(self, message, pack, flags: int) -> bool:
        """Write the next message about a pack (None: the bridge); False when all have been told.

        flags, of outbox.py: ANNOUNCE its entities; CLEAR what it could have but has not (an earlier run may have
        announced it); SWEEP what an earlier run announced that let it be changed otherwise.
        """
        if self._telling is not pack:
            self._telling = pack
            self._step = 0
        if self._offers is None and pack is not None and (self._desk is not None or flags & SWEEP):
            from jkcore.offers import Offers

            self._offers = Offers(self._desk)
        self._step = self._next(message, pack, self._step, flags)
        return self._step > 0

    def _next(self, message, pack, step: int, flags: int) -> int:
        """Write the first message at or behind a step; returns the step behind it, 0 when nothing is left."""
        if pack is None:
            return self._next_own(message, step, flags)
        last = self._first_row() + 2 * table.rows()
        while step <= last:
            step += 1
            if self._put_step(message, pack, step - 1, last, flags):
                return step
        return 0

    def _next_own(self, message, step: int, flags: int) -> int:
        """The same for the bridge's own entities. How much may be changed is told by a bridge that takes commands."""
        count = words.BRIDGE_EXTRAS.count("\n")
        if step < count:
            self._put_extra(message, None, words.extra(words.BRIDGE_EXTRAS, step))
            return step + 1
        if step > count + 1 or self._desk is None and not flags & SWEEP:
            return 0
        if step > count:
            self._put_note(message, None, b"lock" if self._desk is not None else b"")
            return step + 1
        extra = words.extra(words.LOCK_EXTRA, 0)
        if self._desk is not None:
            self._put_extra(message, None, extra)
        else:
            self._put_topic(message, None, extra[0], extra[1])
        return step + 1

    def _first_row(self) -> int:
        """Step of the first row; each has two."""
        extras = words.PACK_EXTRAS.count("\n")
        return 1 + extras + (self._offers.count() if self._offers is not None else 0)

    def _put_step(self, message, pack, step: int, last: int, flags: int) -> bool:
        """One step of a pack; False when there is nothing to tell."""
        if step == 0 or step == last:
            return self._put_terms(message, pack, step == last, flags)
        rows = self._first_row()
        if step >= rows:
            if step - rows & 1:
                return self._put_row(message, pack, (step - rows) >> 1, flags)
            return self._sweep_row(message, pack, (step - rows) >> 1, flags)
        count = words.PACK_EXTRAS.count("\n")
        if step > count:
            return self._put_offer(message, pack, step - 1 - count, flags)
        if flags & ANNOUNCE:
            self._put_extra(message, pack, words.extra(words.PACK_EXTRAS, step - 1))
        return flags & ANNOUNCE > 0

    def _put_terms(self, message, pack, done: bool, flags: int) -> bool:
        """<base>/<pack>/offered: before entities are exchanged, and when it is done.

        While a frame is missing not all that it decides about is done.
        """
        if not flags & SWEEP:
            return False
        if self._desk is None:
            if not done:
                return False
        elif not flags & ANNOUNCE or done and not (pack.holds(1) and pack.holds(3)):
            return False
        from jkcore import offers

        if done:
            pack.notes[pk.STALE] = 0
        self._put_note(message, pack, offers.terms(self._desk, pack) if done else offers.CHANGING)
        return True

    def _put_note(self, message, pack, note: bytes) -> None:
        """<base>/<pack>/offered, <base>/bridge/offered: what the next run has to know; see offers.py."""
        message.start(True)
        message.put((self._base + "/" + _owner(pack) + "/offered").encode())
        message.body()
        message.put(note)

    def _put_offer(self, message, pack, number: int, flags: int) -> bool:
        """An entity of offers.EXTRAS, or its removal."""
        extra = words.extra(self._offers.extras(), number)
        there = self._offers.extra(pack, extra[3])
        if there and flags & ANNOUNCE:
            self._put_extra(message, pack, extra)
            return True
        if there is False and flags & SWEEP:
            self._put_topic(message, pack, extra[0], extra[1])
            return True
        return False

    def _sweep_row(self, message, pack, r: int, flags: int) -> bool:
        """Remove what row `r` was when it could be changed and now cannot, or the other way round."""
        row = table.at(r)
        if not flags & SWEEP or not self._offers.known(r):
            return False
        component = self._offers.component(r)
        if self._offers.limit(pack, r):
            if not flags & ANNOUNCE or not pack.present(r):
                return False
            component = reader(row)
        self._put_topic(message, pack, component, table.name(r))
        return True

    def _put_row(self, message, pack, r: int, flags: int) -> bool:
        """The entity of row `r`; False when there is nothing to tell about it."""
        row = table.at(r)
        group = row.ha & codes.GROUP_MASK
        if not group or not flags & ANNOUNCE:
            return False
        limit = self._offers.limit(pack, r) if self._offers is not None else None
        component = self._offers.component(r) if limit is not None else reader(row)
        name = table.name(r)
        if not pack.present(r):
            # Removed only when what decides about it is known: the frame itself, and the firmware.
            gone = flags & CLEAR and pack.holds(row.frame_type) and pack.holds(3) and row.when
            if gone:
                self._put_topic(message, pack, component, name)
            return bool(gone)
        self._put_head(message, pack, component, name, words.label(name))
        owner = self._base + "/" + pack.id.decode() + "/"
        message.string(b"stat_t", owner + _TOPICS[row.frame_type])
        message.string(b"val_tpl", "{{ value_json." + name + "|default(none) }}")
        if limit is not None:
            self._offers.put(message, pack, limit, owner + "set/" + name)
        self._put_class(message, row, component)
        if limit is not None:
            message.string(b"ent_cat", b"config")
            group = codes.DIAGNOSTIC if self._offers.wanted(row, name) else codes.HIDDEN
        elif group != codes.PRIMARY:
            message.string(b"ent_cat", b"diagnostic")
        if group == codes.HIDDEN:
            message.put(b',"en":false')
        self._put_tail(message, pack, row.frame_type == 2, True, False)
        return True

    def _device(self, pack) -> str:
        return self._base + "_" + _owner(pack)

    def _put_topic(self, message, pack, component: str, field: str) -> None:
        message.start(True)
        message.put((self._prefix + "/" + component + "/" + self._device(pack) + "/" + field + "/config").encode())
        message.body()

    def _put_head(self, message, pack, component: str, field: str, label: str) -> None:
        """Topic, and the members every entity has."""
        self._put_topic(message, pack, component, field)
        device = self._device(pack)
        message.open()
        message.string(b"name", label)
        message.string(b"uniq_id", device + "_" + field)
        message.string(b"def_ent_id", component + "." + device.lower().replace("-", "_") + "_" + field)

    def _put_class(self, message, row, component: str) -> None:
        """Class, unit, precision and options, as far as the component has them."""
        sensor = component in ("sensor", "binary_sensor")
        for key, word in ((b"dev_cla", words.device_class(row)), (b"stat_cla", words.state_class(row))):
            if word and (sensor or component == "number"):
                message.string(key, word)
        unit = words.unit(row)[0]
        if row.show == codes.NUMBER and unit:
            message.string(b"unit_of_meas", unit)
        digits = words.precision(row)
        if digits is not None and sensor:
            message.numbers(b"sug_dsp_prc", (digits,))
        options = table.options(row)
        if options:
            message.key(b"ops")
            message.put(b'["' + b'","'.join(options) + b'"]')

    def _put_extra(self, message, pack, extra) -> None:
        component, field, label, topic, template, more = extra
        self._put_head(message, pack, component, field, label)
        owner = self._base + "/" + _owner(pack)
        button = component == "button"
        message.string(b"cmd_t" if button else b"stat_t", owner + "/" + topic)
        if template:
            message.string(b"val_tpl", template)
        message.put((b"," + more.replace("#", owner).encode()))
        # The connection is known also while the bridge is offline; link, events and results while a pack is.
        self._put_tail(message, pack, topic == "live", button or topic == "live", topic == "state")

    def _put_tail(self, message, pack, expires: bool, with_pack: bool, always: bool) -> None:
        """Expiry, availability, device and origin."""
        if expires:
            message.numbers(b"exp_aft", (self._expire,))
        if not always:
            text = ',"avty":[{"t":"' + self._base + '/bridge/state"}'
            if with_pack:
                text += ',{"t":"' + self._base + "/" + pack.id.decode() + '/availability"}'
            message.put((text + '],"avty_mode":"all"').encode())
        message.key(b"dev")
        self._put_device(message, pack)
        message.put(b',"o":{"name":"jkbridge","sw":"' + VERSION.encode() + b'"}}')

    def _put_device(self, message, pack) -> None:
        message.open()
        message.key(b"ids")
        message.put(('["' + self._device(pack) + '"]').encode())
        if pack is None:
            message.string(b"name", "jkbridge " + self._base)
            message.string(b"mf", b"jkbridge")
            message.string(b"mdl", b"JK BMS to MQTT bridge")
            message.string(b"sw", VERSION)
        else:
            message.string(b"name", pack.name)
            message.string(b"mf", b"JK (Jikong)")
            if pack.holds(3):
                for key, r in ((b"mdl", _MODEL), (b"hw", _HARDWARE), (b"sw", _SOFTWARE)):
                    message.string(key, about_text(pack, r))
            message.string(b"via_device", self._device(None))
        message.close()


def _owner(pack) -> str:
    return pack.id.decode() if pack is not None else "bridge"


def reader(row) -> str:
    """The component that shows a row and lets nobody change it."""
    return "binary_sensor" if row.show == codes.SWITCH else "sensor"


def about_text(pack, r: int) -> str:
    """The text in row `r` of the about frame."""
    row = table.at(r)
    text = ""
    for i in range(row.offset, row.offset + row.decimals):
        byte = pack.frame(3)[i]
        if not byte:
            break
        text += chr(byte) if 32 <= byte < 127 else "?"
    return text
