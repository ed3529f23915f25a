"""What each configuration key is for, in the words of `jkbridge config example`.

Types, limits, defaults and examples are in jkcore.config; this text lives here because a device has no use
for it. tests/test_host_settings.py fails when the keys of the two differ.
"""

HELP = {
    "interval": "Seconds between two live readings of one pack; 0 = as fast as the bus allows.",
    "base": "First part of every topic.",
    "log": "How much is logged.",
    "flat": "Publish one more topic per value (<base>/<pack>/<field>), for consumers without JSON.",
    "capture": "Record the bytes of the bus to this file, with times; passwords and serial numbers are masked. On the "
    'device: "console", or "tcp://host:port" of a program that listens there.',
    "capture_size": "MB after which such a file is renamed to <file>.1, .2 and so on.",
    "capture_files": "How many files of a recording are kept, the newest included.",
    "writes": "What may be changed from outside: nothing (off); what cannot do harm (safe); all documented settings, "
    "the dangerous ones only with a confirmation word in the command (all).",
    "unlock": "The most that a command may raise `writes` to for some minutes; off: no command can.",
    "bus.kind": "What the batteries are connected to.",
    "bus.port": (
        "Serial device (best a path below /dev/serial/by-id), or a gateway in transparent TCP mode: "
        "tcp://192.168.1.20:8899; also socket:// and rfc2217://. Absent: two simulated packs, if it is the only bus."
    ),
    "bus.baud": "Speed of the line; JK packs speak 115200.",
    "bus.packs": "Modbus addresses of the packs as set by their DIP switches. Absent: all of 1 to 15 are asked, those "
    "that answer are shown. 0 is the bus master: it can only be listened to.",
    "bus.role": "poll: ask the packs. listen: only hear what a JK master (a pack with DIP address 0) makes them say. "
    "auto: listen first, ask when nobody else does.",
    "bus.ask_about": "While listening, ask the packs for model and firmware in the gaps between the master's requests.",
    "bus.name": "Name shown to people.",
    "bus.prefix": "First part of the ids of this bus's packs, for a second and further bus: its pack 1 is then b2-1. "
    "Never for the first bus. Absent: b2-, b3- and so on.",
    "mqtt.host": "Name or address of the MQTT broker. Absent: a small broker inside the bridge, on this machine only.",
    "mqtt.port": "Port of the broker; 8883 when tls = true and no port is given.",
    "mqtt.user": "User at the broker.",
    "mqtt.password": "Password at the broker.",
    "mqtt.tls": "Encrypt and verify the broker's certificate.",
    "mqtt.ca": "File with the CA certificate that signed the broker's; absent: the machine's own list.",
    "mqtt.cert": "Client certificate, where the broker asks for one.",
    "mqtt.key": "Its private key (without passphrase).",
    "mqtt.client_id": "Client id at the broker; absent: a new one for each run.",
    "mqtt.keepalive": "Seconds of silence after which bridge and broker check on each other.",
    "discovery.enabled": "Announce the packs to Home Assistant.",
    "discovery.prefix": "Discovery prefix of Home Assistant.",
    "discovery.status": "Topic of Home Assistant's birth message.",
    "pack.address": "Modbus address of a pack of the first bus that gets a name.",
    "pack.id": "Instead of the address, for a pack of any bus: the bus's prefix and the address.",
    "pack.chemistry": "Kind of its cells; without it no cell voltage can be changed.",
    "pack.name": "Its name, for people only: topics and ids do not change.",
}
