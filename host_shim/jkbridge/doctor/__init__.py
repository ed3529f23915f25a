"""`jkbridge doctor`: looks at a bus, says in words what is wrong with it and what to change, proposes a configuration.

examination.py listens and, where that is safe (asking.py), asks, with buses of the core (patient.py); the core finds
the verdict (jkcore/doctor.py); adapters.py lists the ports of this machine; proposal.py makes the configuration;
pairs.py tells which battery on RS485 is which on CAN; report.py says it all; command.py is the command line.
"""
