# A reading: dark first, then some samples, a slice at a time; of each channel the middle of them, and how far they are apart.
# The host's canbean.roast.sampling gives the same integers. begin.py makes one.
from . import const
from .quality import QUALITY, judge

SAMPLES = const(5)
ANEW = const(-1)
# of a sensor that knows no temperature
_NONE = const(-0x8000)


class Reading:
    # The next slice, at most 150 ms; -> whether the reading is there. After an OSError, which says what is wrong with the
    # sensor, it begins anew and starts the sensor again.
    def step(self):
        sensor = self.sensor
        one = self.one
        at = self.slice
        self.slice = ANEW
        if at < 0:
            sensor.start()
        elif not at:
            if sensor.dark(self.dark) is False:
                at = -1
        elif sensor.sample(one) is False:
            at -= 1
        else:
            t = sensor.celsius()
            one[-1] = _NONE if t is None else t
            for i in range(len(one)):
                came = self.came[i]
                j = at - 1
                while j and came[j - 1] > one[i]:
                    came[j] = came[j - 1]
                    j -= 1
                came[j] = one[i]
            if at == SAMPLES:
                self.finish()
                self.slice = 0
                return True
        self.slice = at + 1
        return False

    def finish(self):
        counts = self.counts
        reflectance = self.reflectance
        for i in range(len(counts)):
            came = self.came[i]
            counts[i] = middle(came)
            if not getattr(self.sensor, "CANCELS", False):
                # the chip does not take ambient light away itself
                counts[i] -= self.dark[i]
            # from quartile to quartile
            self.spread[i] = came[3] - came[1]
        given = counts
        milli = None if self.wanted else ()
        t = middle(self.came[-1])
        if t == _NONE:
            t = None
        else:
            self.channels[-1] = t * 25 + 2 >> 2
        self.celsius16 = t
        if reflectance:
            given = milli = self.milli
            reflectance.apply(counts, t, milli)
        for i in range(len(counts)):
            self.channels[i] = given[i]
        self.quality = QUALITY[
            judge(counts, self.dark, self.spread, self.sensor.FULL, milli, reflectance and reflectance.empty)
        ]


# Of five in order the mean of the middle three, halves do not occur.
def middle(came):
    return (came[1] + came[2] + came[3] + 1) // 3
