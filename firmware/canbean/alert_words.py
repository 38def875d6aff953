# The words of an alert of the fingerprint. Its two kinds load one at a time: a heap that is small has not room for both.
from . import const

# As in fingerprint.py.
_SLOT = const(20)


# Kind, what was expected and what was seen, of the frame that has just been scored; and a severity if it is not that of
# the bits.
def words(watch, key, code, data):
    fingerprint = watch.fingerprint
    if fingerprint.now[_SLOT] == fingerprint.n:
        from .stranger_words import stranger

        return stranger(fingerprint, key)
    from .known_words import known

    return known(watch, code, data)
