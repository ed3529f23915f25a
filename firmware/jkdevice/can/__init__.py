"""CAN receivers of the device, loaded only when a bus is on CAN. receiver.py says what they have in common, rows.py
makes the one a board has.
"""
