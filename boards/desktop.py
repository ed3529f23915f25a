"""Board `desktop`: the unix port of MicroPython on a PC, where the device's program runs without a device.

Wiring: none. The serial line is a TCP socket: the simulator's (`jkbridge simulate --tcp`), or that of a serial
        server in raw mode, such as ser2net.
Use:    put this file as board.py beside main.py, jkcore/, jkdevice/, umqtt/ (tools/fetch_umqtt.py) and
        config.json: {"bus": {"port": "tcp://127.0.0.1:8899", "packs": [1, 2]}, "mqtt": {"host": "127.0.0.1"}}
        then run `micropython main.py`. Ctrl-C ends it with "offline" published. SIGTERM cannot be caught on
        this port: the process ends at once, and the broker publishes "offline" for it (the will).

What a board file may hold: these constants and nothing else (no import, no code, so that it can be checked
anywhere). A pin is a number of the chip; what is not there is None or (); the source of every pin stands
behind it as a comment.
    NAME         word; also the file's name
    SERIAL       RS485 lines: (name, uart, tx, rx, de, de_active); bus.port chooses one by its name.
                 de: direction pin, None where the transceiver turns by itself; de_active: its level while
                 sending, 1 or 0. Never the UART of the console. (): only lines on TCP
    CAN          CAN controllers: rows that begin with (name, kind, ...); bus.port chooses one by its name:
                 "bus": {"kind": "can", "port": "can0", "bitrate": 500000}; without port the first. listen_only is
                 false but for twai unless it is given: a battery alone on the bus needs one that acknowledges
                 (name, "mcp2515", spi, sck, mosi, miso, cs, int, reset, crystal_hz): MCP2515 on SPI. int, reset:
                 None where not connected; without int frames are lost (it can keep two). crystal_hz: 8000000,
                 16000000 or 20000000, as printed on the crystal: a wrong one is a wrong bit rate
                 (name, "machine", id): machine.CAN(id), whose pins the firmware knows (STM32, MIMXRT, Alif)
                 (name, "module", tx, rx): the module CAN of a firmware build of one's own (ESP32)
                 (name, "twai", chip, tx, rx): the ESP32's own controller by its registers; chip: "esp32",
                 "esp32s3" or "esp32c3". Experimental, never run on hardware: only used if bus.port names it
    POWER        ((pin, level), ...) set first, in this order: supplies, enable and shut-down inputs
    NETWORK      None: the system has one; "wifi"; "lan"
    LAN          arguments of network.LAN as ((name, value), ...); mdc, mdio, power, ref_clk are pins, phy_type is the
                 name of a constant of the module network, ref_clk_mode of one of machine.Pin
    WATCHDOG_MS  of machine.WDT, 0 for none; a Pico cannot exceed 8388
    CHIP         "esp32", "esp32s3", "esp32c3", "rp2040", "unix"
    FIRMWARE     name of the MicroPython download that runs on it
    STRAPPING_OK ((pin, why), ...): strapping pins this board uses all the same
    UNSURE       pins to be verified on the schematic before anything is connected
"""

NAME = "desktop"
CHIP = "unix"
FIRMWARE = "unix port"
SERIAL = ()
CAN = ()
POWER = ()
NETWORK = None
LAN = ()
WATCHDOG_MS = 0
STRAPPING_OK = ()
UNSURE = ()
