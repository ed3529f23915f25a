"""What a pack says on CAN, made by hand. Needs nothing of jkcore: the board of a whole device uses it too."""

ST1, VOLT, TEMP, ALM = 0x2F4, 0x4F4, 0x5F4, 0x7F4
ST2, ALL, ERR, INFO, SW = 0x18F128F4, 0x18F228F4, 0x18F328F4, 0x18F428F4, 0x18F528F4
CHARGER, CELLS, CONTROL, UNDOCUMENTED = 0x1806E5F4, 0x18E028F4, 0x18F0F428, 0x01F21400


def words(*numbers):
    """Eight bytes: little-endian words, the rest 0."""
    out = bytearray(8)
    for i, number in enumerate(numbers):
        out[2 * i] = number & 255
        out[2 * i + 1] = number >> 8
    return out


def st1(volts=533, amps=4000, soc=80, hours=0):
    """BATT_ST1: 0.1 V, 0.1 A + 4000, %."""
    return words(volts, amps, soc, hours)


class Battery:
    """What a pack says, at the measured periods: call it every 100 ms."""

    def __init__(self, line, address=0, cells=16, v1=False, soc=80):
        self.line = line
        self.address = address
        self.cells = cells
        self.v1 = v1
        self.soc = soc
        self.runtime = 1000
        self.alarms = None  # ALM_INFO
        self.faults = None  # BMSERR_INFO
        self.lost = ()  # groups of cells that never arrive
        self.mv = 3330
        self.amps = 4000
        self.cycled = (2273, 2800, 900, 3)

    def volts(self):
        return self.cells * self.mv // 100

    def cell(self, number):
        """mV of cell `number`, from 1."""
        return self.mv + number if number <= self.cells else 0

    def __call__(self, n):
        say = self.say
        say(ST1, st1(self.volts(), self.amps, self.soc, 12 if self.v1 else 0))
        high = self.mv + self.cells
        low = self.mv + 1
        say(VOLT, bytes((high & 255, high >> 8, self.cells, low & 255, low >> 8, 1, 0, 0)))
        if self.alarms:
            say(ALM, self.alarms)
        if self.v1:
            if not n % 10:
                say(TEMP, bytes((74, 0, 73, 1, 73, 0, 0, 0)))
            return
        if not n % 2:
            say(ST2, words(*self.cycled))
        if self.faults:
            say(ERR, self.faults)
        if not n % 5:
            say(SW, bytes((0x23, 0, 0, 0, 0, 0, 0, 0)))
        if not n % 10:
            say(TEMP, bytes((74, 0, 73, 1, 73, 0, 0, 0)))
            say(ALL, bytes((0x10, 74, 73, 74, 73, 255, 0, 0)))
            self.runtime += 1
            say(INFO, bytes((self.runtime & 255, self.runtime >> 8, 0, 0, 0, 0, 100, 0)))
        if not n % 15:
            self.burst()

    def burst(self):
        for group in range((self.cells + 3) // 4):
            if group not in self.lost:
                self.say(CELLS + 0x10000 * group, words(*[self.cell(4 * group + i) for i in range(1, 5)]))

    def say(self, base, data):
        self.line.send(base, data, self.address)
