# Whether what a model reads is what the sensor gives, which the regressor gets in that order. Asked once, at start.
from . import const

_NAMES = const(("red", "green", "blue", "clear", "infrared", "temperature"))


# `meta`: the model's META, JSON without spaces, where channels are pairs of a name and its decimals. One without them is taken as it
# is, and a name that no sensor here has stands for any.
def fit(meta, sensor):
    at = meta.find(b'"channels":[["')
    if not sensor or not sensor.GIVES or at < 0:
        return
    names = str(meta[at : meta.find(b"]]", at)], "ascii").split('["')[1:]
    names = [name[: name.find('"')] for name in names]
    gives = sensor.GIVES.split()
    for i in range(len(names)):
        if i >= len(gives) or names[i] != gives[i] and names[i] in _NAMES:
            raise ValueError(
                "this model reads %s; the %s here gives %s"
                % (", ".join(names), sensor.NAME, ", ".join(gives))
            )
