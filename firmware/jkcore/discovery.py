"""Home Assistant discovery: one retained message per entity, so that memory stays bounded and a fault costs one entity.

Topic `<prefix>/<component>/<base>_<id>/<field>/config`, unique id `<base>_<id>_<field>` (kept for ever).
Payloads use the short keys all supported Home Assistant versions know.
A device loads this module and words.py while it announces, and forgets them when all has been told.
"""

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

    def __init__(self, prefix: str, base: str, interval: int, desk, machine: bool = False):
        """interval: seconds between live values; desk: takes the commands of the bridge, None without; machine: the
        bridge tells of the machine it runs on.
        """
        self._machine = machine
        self._prefix = prefix
        self._base = base
        # A backstop only: availability says sooner that a value is old.
        expire = 3 * interval + 30
        self._expire = expire if expire > 60 else 60
        self._telling = None  # the pack being announced
        self._step = 0
        self._desk = desk
        self.offers = None  # offers.Offers, where something can be changed or could in an earlier run

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
        if self.offers is None and (self._desk is not None or flags & SWEEP):
            from jkcore.offers import Offers

            self.offers = Offers(self, self._desk)
        self._step = self._next(message, pack, self._step, flags)
        return self._step > 0

    def _next(self, message, pack, step: int, flags: int) -> int:
        """Write the first message at or behind a step; returns the step behind it, 0 when nothing is left."""
        first = 0  # steps of what lets people change something
        if self.offers is not None:
            first = self.offers.steps(pack)
            if step < first:
                done = self.offers.put_step(message, pack, step, flags)
                if done:
                    return done
                step = first
        extras = words.BRIDGE_EXTRAS if pack is None else words.PACK_EXTRAS
        rows = first + extras.count("\n")
        while flags & ANNOUNCE and step < rows:
            step += 1
            extra = words.extra(extras, step - 1 - first)
            if self._has(pack, extra[1]):
                self.put_extra(message, pack, extra)
                return step
        if flags & ANNOUNCE and pack is not None:
            for r in range(step - rows, table.rows()):
                if self._put_row(message, pack, r, flags):
                    return r + rows + 1
        last = rows + table.rows()
        if self.offers is not None and step <= last and self.offers.put_end(message, pack, flags):
            return last + 1
        return 0

    def _put_row(self, message, pack, r: int, flags: int) -> bool:
        """The entity of row `r`; False when there is nothing to tell about it."""
        row = table.at(r)
        group = row.ha & codes.GROUP_MASK
        if not group:
            return False
        name = table.name(r)
        component = reader(row)
        offered = self.offers is not None and self.offers.offered(pack, r)
        if offered:
            component = self.offers.component(r)
            group = self.offers.group(row, name)
        if not pack.has(r):
            # Removed only when what decides about it is known: the frame itself, and the firmware. CAN may be silent.
            gone = flags & CLEAR and pack.holds(row.frame_type) and pack.holds(3) and row.when
            gone = gone and row.when not in (codes.ON_CAN, codes.ON_CAN_V1)
            if gone:
                self.put_topic(message, pack, component, name)
            return bool(gone)
        self._put_head(message, pack, component, name, words.label(name))
        message.string(b"stat_t", self._base + "/" + pack.id.decode() + "/" + _TOPICS[row.frame_type])
        message.string(b"val_tpl", "{{ value_json." + name + "|default(none) }}")
        self._put_class(message, row, component)
        if offered:
            self.offers.put(message, pack, r, self._base)
        elif group != codes.PRIMARY:
            message.string(b"ent_cat", b"diagnostic")
        if group == codes.HIDDEN:
            message.put(b',"en":false')
        self._put_tail(message, pack, row.frame_type == 2, True, False)
        return True

    def _device(self, pack) -> str:
        return self._base + "_" + _owner(pack)

    def put_topic(self, message, pack, component: str, field: str) -> None:
        """Topic of an entity; with nothing behind it, its removal."""
        message.start(True)
        message.put((self._prefix + "/" + component + "/" + self._device(pack) + "/" + field + "/config").encode())
        message.body()

    def put_note(self, message, pack, note: bytes) -> None:
        """<base>/<pack>/offered, <base>/bridge/offered: what the next run has to know, see leftovers.py."""
        message.start(True)
        message.put((self._base + "/" + _owner(pack) + "/offered").encode())
        message.body()
        message.put(note)

    def _put_head(self, message, pack, component: str, field: str, label: str) -> None:
        """Topic, and the members every entity has."""
        self.put_topic(message, pack, component, field)
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

    def _has(self, pack, field: str) -> bool:
        if pack is None:
            return self._machine or not field.startswith("machine_")
        return pack.asks or not field.startswith("link_")

    def put_extra(self, message, pack, extra) -> None:
        """An entity that is no row. extra: its six texts, see words.py."""
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
