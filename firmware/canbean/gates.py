# Detectors that judge windows, each behind its gate; they are loaded only where the model has their section.
# The plain twin of `Gate` in the host's detect/windows.py.

# section, module here, name in alerts
DETECTORS = (
    "CLCK drift clock,LSTW lstm_watch lstm,ORDR order sequence,VAEW vae_watch vae,WNDW windows mixture"
)


# A detector has `kernel(now, octets, state, tables)`, which takes in the frame that the fingerprint has just scored and
# says whether there is something to judge, and `judge(breathe)`: the bits, or -1 where there was nothing after all.
# `breathe`, where there is one, is called between pieces of a judgement that takes long.
class Gated:
    def __init__(self, name, detector):
        self.name = name
        self.detector = detector
        self.kernel = detector.kernel
        self.state = detector.state
        self.tables = detector.tables
        self.threshold = detector.threshold
        self.need = detector.need
        self.last = (1 << detector.of) - 1
        self.reset()

    def reset(self):
        self.passed = 0
        self.bits = -1
        self.detector.reset()

    # The bus has slept.
    def forget(self):
        self.passed = 0
        self.detector.forget()

    # Whether an alert is to be raised.
    def judge(self, breathe):
        bits = self.bits = self.detector.judge(breathe)
        if bits < 0:
            return False
        self.passed = (self.passed << 1) & self.last
        if bits < self.threshold:
            return False
        self.passed |= 1
        count = 0
        left = self.passed
        while left:
            count += left & 1
            left >>= 1
        return count >= self.need


def load(model, fingerprint):
    found = []
    for one in DETECTORS.split(","):
        tag, module, name = one.split()
        if tag in model.sections:
            package = __import__("%s.%s" % (__name__.rsplit(".", 1)[0], module), None, None, ("Detector",))
            found.append(Gated(name, package.Detector(model, fingerprint)))
    return found
