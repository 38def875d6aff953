# A button between a pin and ground, debounced.
from canbean import const

_MS = const(30)


class Button:
    # `level`: -> that of the pin, 0 while it is held
    def __init__(self, level, ticks_ms):
        self.level = level
        self.now = ticks_ms
        self.was = 1
        self.since = ticks_ms()

    # Whether it has been pressed anew. A level counts that has not been the other for 30 ms, or since the last call.
    def pressed(self):
        now = self.now()
        is_now = self.level()
        if is_now == self.was:
            self.since = now
        elif now - self.since & 0x3FFFFFFF > _MS:
            self.was = is_now
            self.since = now
            return not is_now
        return False
