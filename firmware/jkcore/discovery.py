"""Home Assistant discovery: one retained message per entity, so that memory stays bounded and a fault costs one entity.

Topic `<prefix>/<component>/<base>_<id>/<field>/config`, unique id `<base>_<id>_<field>` (kept for ever).
Payloads use the short keys all supported Home Assistant versions know.
A device loads this module and words.py while it announces, and forgets them when all has been told.
"""

from jkcore import words
from jkcore.fields import codes, table
from jkcore.version import VERSION

_TOPICS = ("", "settings", "live", "about")  # by frame type
_MODEL = table.find("model", 3)
_HARDWARE = table.find("hardware_version", 3)
_SOFTWARE = table.find("software_version", 3)


class Discovery:
    """Writes the discovery message of one entity after another."""

    def __init__(self, prefix: str, base: str, interval: int):
        """interval: seconds between live values."""
        self._prefix = prefix
        self._base = base
        # A backstop only: availability says sooner that a value is old.
        expire = 3 * interval + 30
        self._expire = expire if expire > 60 else 60
        self._telling = None  # the pack being announced
        self._step = 0

    def begin_again(self, pack) -> None:
        """This pack has other fields than before: if it is being announced, start with the first entity again."""
        if self._telling is pack:
            self._step = 0

    def put(self, message, pack, clear: bool) -> bool:
        """Write the next entity of a pack (None: of the bridge); False when all have been told.

        clear: an entity this pack could have but has not is removed (an earlier run may have announced it).
        """
        if self._telling is not pack:
            self._telling = pack
            self._step = 0
        self._step = self._next(message, pack, self._step, clear)
        return self._step > 0

    def _next(self, message, pack, step: int, clear: bool) -> int:
        """Write the first message at or behind a step; returns the step behind it, 0 when nothing is left."""
        extras = words.BRIDGE_EXTRAS if pack is None else words.PACK_EXTRAS
        count = extras.count("\n")
        while step < count:
            step += 1
            extra = words.extra(extras, step - 1)
            if pack is None or pack.asks or not extra[1].startswith("link_"):
                self._put_extra(message, pack, extra)
                return step
        if pack is not None:
            for r in range(step - count, table.rows()):
                if self._put_row(message, pack, r, clear):
                    return r + count + 1
        return 0

    def _put_row(self, message, pack, r: int, clear: bool) -> bool:
        """The entity of row `r`; False when there is nothing to tell about it."""
        row = table.at(r)
        group = row.ha & codes.GROUP_MASK
        if not group:
            return False
        component = "binary_sensor" if row.show == codes.SWITCH else "sensor"
        name = table.name(r)
        if not pack.has(r):
            # Removed only when what decides about it is known: the frame itself, and the firmware. CAN may be silent.
            gone = clear and pack.holds(row.frame_type) and pack.holds(3) and row.when
            gone = gone and row.when not in (codes.ON_CAN, codes.ON_CAN_V1)
            if gone:
                self._put_topic(message, pack, component, name)
            return bool(gone)
        self._put_head(message, pack, component, name, words.label(name))
        message.string(b"stat_t", self._base + "/" + pack.id.decode() + "/" + _TOPICS[row.frame_type])
        message.string(b"val_tpl", "{{ value_json." + name + "|default(none) }}")
        self._put_class(message, row)
        if group != codes.PRIMARY:
            message.string(b"ent_cat", b"diagnostic")
        if group == codes.HIDDEN:
            message.put(b',"en":false')
        self._put_tail(message, pack, row.frame_type == 2, True, False)
        return True

    def _device(self, pack) -> str:
        return self._base + "_" + (pack.id.decode() if pack is not None else "bridge")

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

    def _put_class(self, message, row) -> None:
        for key, word in ((b"dev_cla", words.device_class(row)), (b"stat_cla", words.state_class(row))):
            if word:
                message.string(key, word)
        unit = words.unit(row)[0]
        if row.show == codes.NUMBER and unit:
            message.string(b"unit_of_meas", unit)
        digits = words.precision(row)
        if digits is not None:
            message.numbers(b"sug_dsp_prc", (digits,))
        options = table.options(row)
        if options:
            message.key(b"ops")
            message.put(b'["' + b'","'.join(options) + b'"]')

    def _put_extra(self, message, pack, extra) -> None:
        component, field, label, topic, template, more = extra
        self._put_head(message, pack, component, field, label)
        owner = pack.id.decode() if pack is not None else "bridge"
        message.string(b"stat_t", self._base + "/" + owner + "/" + topic)
        if template:
            message.string(b"val_tpl", template)
        message.put((b"," + more.encode()))
        # The connection is known also while the bridge is offline; the link and the events while a pack is.
        self._put_tail(message, pack, topic == "live", topic == "live", topic == "state")

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
