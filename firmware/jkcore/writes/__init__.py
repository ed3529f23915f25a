"""Changing what a battery is set to: from the words of a command to the bytes on the bus and what was read back.

Loaded when a command arrives and forgotten when its result is told (shim.forget("writes")); a bridge with `writes` off
never loads it. In doubt a command is refused, and then no byte is sent.

  command.py       the command: topic and payload -> fields and numbers (jsonobject.py, decimals.py)
  limits.py        what may be changed, and within which limits: read from the field rows
  actions.py       what is no field: one-key presets, calibration, clock, shutdown, emergency
  presets.py       what a one-key preset leaves behind
  plan.py          the checks against the pack's own settings (rules.py), and the writes in a legal order
  encode.py        the bytes of a write
  transaction.py   read, check, write, read back, compare: one command on the bus, from receipt to result
  outcome.py       what is known of each field of a command
  lock.py          how much may be changed just now
  result.py        what is told about it; texts.py has the sentences
"""
