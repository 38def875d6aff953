"""One exception root; each error also is the stdlib error a caller would expect.

```
CanbeanError
├── LogError(ValueError)       a log that cannot be read or is of no use
├── PairsError(ValueError)     a table of pairs that cannot be fitted
├── CalibrationError(ValueError)  a calibration that is none, or measurements that give none
├── ModelError(ValueError)     a model file that is damaged, foreign or too large
├── QuantizeError(ValueError)  a model whose integers would not fit their types
├── FileError(OSError)         a file that cannot be opened or written
├── BoardError(OSError)        a board that is absent, silent or says no
├── BrokerError(OSError)       an MQTT broker that is absent, silent or says no
└── UsageError(ValueError)     arguments that contradict each other
```

Messages name the file, line or field and say what to do: the command line prints them as they are.
"""


class CanbeanError(Exception):
    """Root of every error that canbean raises on purpose."""


class LogError(CanbeanError, ValueError):
    """A log that cannot be read or is of no use for what was asked."""


class PairsError(CanbeanError, ValueError):
    """A table of pairs that cannot be fitted."""


class CalibrationError(CanbeanError, ValueError):
    """A calibration that is none, or measurements that give none."""


class ModelError(CanbeanError, ValueError):
    """A model file that is damaged, made for another application or too large."""


class QuantizeError(CanbeanError, ValueError):
    """A model whose integers would not fit their types."""


class FileError(CanbeanError, OSError):
    """A file that cannot be opened or written."""


class BoardError(CanbeanError, OSError):
    """A board that is absent, silent or says no."""


class RefusedError(BoardError):
    """A board says no to a command."""


class BrokerError(CanbeanError, OSError):
    """An MQTT broker that is absent, silent or says no."""


class UsageError(CanbeanError, ValueError):
    """Arguments that contradict each other."""
