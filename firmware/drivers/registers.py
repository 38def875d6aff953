# A chip's registers over I2C. Every access is tried twice: the first one after power-on may be refused.


class Registers:
    NAME = ""
    AT = 0

    # `i2c`: readfrom_mem_into and writeto_mem; `sleep_ms`: milliseconds
    def __init__(self, i2c, sleep_ms):
        self.i2c = i2c
        self.sleep = sleep_ms

    # Into `buffer` what stands from a register on.
    def get(self, register, buffer):
        self.twice(self.i2c.readfrom_mem_into, register, buffer)

    def put(self, register, *values):
        self.twice(self.i2c.writeto_mem, register, bytes(values))

    def twice(self, access, register, buffer):
        for _ in b"12":
            try:
                return access(self.AT, register, buffer)
            except OSError:
                pass
        self.fail("does not answer: check its power and its I2C wires")

    def fail(self, why):
        raise OSError("the %s %s" % (self.NAME, why))
