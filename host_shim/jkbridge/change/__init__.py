"""`jkbridge get | set | backup | diff | restore | unlock`: settings of packs on the command line.

command.py has the options, reading.py (get, backup, diff) and writing.py (set, restore, unlock) carry them out. way.py
finds out how the packs are reached: over MQTT by a running bridge (mqtt_way.py), or over the bus itself (bus_way.py,
line.py) with the same core. facts.py holds what a pack says, order.py what is wanted of it, proposal.py checks the one
against the other with the core's own rules, groups.py splits what is too long for one command, stop.py handles Ctrl-C;
backup.py knows the file, dangers.py the warnings, screen.py the terminal. Values are texts and scaled integers.
"""
